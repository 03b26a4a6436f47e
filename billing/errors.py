"""What can be refused or go wrong with money. The docstring is the message."""

import inspect
from collections.abc import Sequence
from datetime import date

from django.utils.translation import gettext


class BillingError(Exception):
    """Something about money went wrong."""

    code = "billing_error"

    def __init__(self, message: str = "", **figures: str) -> None:
        """`message` may name figures, as in `%(amount)s`: so it can be translated with them."""
        self.text = message or inspect.cleandoc(type(self).__doc__ or self.code)
        self.figures = figures
        super().__init__(self.text % figures if figures else self.text)

    def told(self) -> str:
        """The message in the language in force, in English where nobody translated it."""
        text = gettext(self.text)
        return text % self.figures if self.figures else text


class AmountInvalid(BillingError):
    """This is not an amount of money that can be kept exactly."""

    code = "amount_invalid"


class BudgetExhausted(BillingError):
    """The budget is too small for this message.

    `scope` is the tightest budget's (`credit` for what a team was given), `period` how often it
    starts afresh, `next_start` the day when it does, in its zone.
    """

    code = "budget_exhausted"

    def __init__(
        self,
        remaining_nano_usd: int,
        needed_nano_usd: int,
        *,
        name: str = "The budget",
        scope: str = "credit",
        period: str = "none",
        next_start: date | None = None,
    ) -> None:
        from billing.money import format_usd

        left = format_usd(remaining_nano_usd) if remaining_nano_usd > 0 else "nothing"
        message = f"{name} has {left} left, this message needs up to {format_usd(needed_nano_usd)}."
        if next_start is not None:
            message += f" It starts afresh on {next_start.day} {next_start:%B}."
        super().__init__(message)
        self.remaining_nano_usd = remaining_nano_usd
        self.needed_nano_usd = needed_nano_usd
        self.scope = scope
        self.period = period
        self.next_start = next_start


class LimitInvalid(BillingError):
    """This limit makes no sense."""

    code = "limit_invalid"


class ZoneUnknown(LimitInvalid):
    """Nobody knows this time zone. Name one such as Asia/Shanghai."""

    code = "zone_unknown"


class LimitExists(BillingError):
    """There is such a limit already. Change it, or end it first."""

    code = "limit_exists"


class KeyBudgetOfOthers(BillingError):
    """Somebody else has set a budget of this period for this key, and it stays. Choose another
    period, or ask an administrator."""

    code = "limit_exists"


class LimitEnded(BillingError):
    """This limit has ended, and bounds nothing any more. Set a new one."""

    code = "limit_ended"


class PriceUnknown(BillingError):
    """This model has no price yet, so it cannot be used."""

    code = "price_unknown"

    def __init__(self, model: str) -> None:
        super().__init__(f"The model {model!r} has no price yet, so it cannot be used.")
        self.model = model


class PriceRefused(BillingError):
    """A price version is never edited: a new one starts now or later."""

    code = "price_refused"


class PriceBookRefused(BillingError):
    """The price book has wrong lines, so nothing of it is imported."""

    code = "price_book_refused"

    def __init__(
        self, faults: Sequence[tuple[int, str]] = (), number: int = 0, *, reason: str = ""
    ) -> None:
        said = " ".join(f"Line {line}: {why}" for line, why in faults)
        more = number - len(faults)
        if more > 0:
            said += f" And {more} more."
        super().__init__(reason or f"{said} Nothing is imported.")
        self.faults = tuple(faults)


class TrialRefused(BillingError):
    """A trial needs a price or a markup, and days in order."""

    code = "trial_refused"


class MarkupRefused(BillingError):
    """A markup is a percentage between -100 and 1,000, and is never edited."""

    code = "markup_refused"


class HoldUnknown(BillingError):
    """Nothing is held for this subject, so nothing can be settled."""

    code = "hold_unknown"


class UsageInvalid(BillingError):
    """Token counts are whole numbers from 0 to 1,000,000,000."""

    code = "usage_invalid"


class TeamUnknown(BillingError):
    """No team has this name or id."""

    code = "team_unknown"


class TeamAmbiguous(BillingError):
    """Several teams have this name. Give the id."""

    code = "team_ambiguous"


class TopUpRepeated(BillingError):
    """This key belongs to another top-up. Give each top-up a key of its own."""

    code = "top_up_repeated"


class CodeRefused(BillingError):
    """This code gives no credit."""

    code = "code_refused"


class CodeUnknown(CodeRefused):
    """There is no such code. Compare each character with what you were given."""

    code = "code_unknown"


class CodeUsed(CodeRefused):
    """This code was redeemed already. Each code gives credit once."""

    code = "code_used"


class CodeExpired(CodeRefused):
    """This code has expired. Ask whoever gave it to you for another one."""

    code = "code_expired"


class CodeRevoked(CodeRefused):
    """This code was withdrawn. Ask whoever gave it to you for another one."""

    code = "code_revoked"


class AnchorsNotWritten(BillingError):
    """The ledger's anchors cannot be written. Look at LEDGER_ANCHORS_DIR."""

    code = "anchors_not_written"


class BillRefused(BillingError):
    """This bill makes no sense, and nothing was changed. Mend the lines that are named."""

    code = "bill_refused"

    def __init__(self, lines: list[str]) -> None:
        super().__init__("The bill is refused, and nothing was changed. " + " ".join(lines))
        self.lines = lines


class BillIncomplete(BillingError):
    """The bill lacks so much of what we have that it must be another one, or cut off. Nothing was
    corrected. Look at it, and say so if it is complete after all."""

    code = "bill_incomplete"


class PeriodInvalid(BillingError):
    """A reconciliation is of a time that has begun before it ends, and has passed."""

    code = "period_invalid"


class RateInvalid(BillingError):
    """An exchange rate that is none."""

    code = "rate_invalid"
