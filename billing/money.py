"""Money as integers of nano-USD (10^-9 USD). Prices are nano-USD per million tokens. No floats."""

from decimal import Decimal, InvalidOperation
from typing import Protocol

from billing.errors import AmountInvalid

NANO_USD_PER_USD = 10**9
TOKENS_PER_PRICE = 10**6
BASIS_POINTS = 10**4
"""Of a whole: a basis point is a hundredth of a percent."""
MAX_NANO_USD = 2**63 - 1
"""The largest amount a 64-bit column holds: about USD 9.2 thousand million."""
MAX_GRANT_NANO_USD = 10**6 * NANO_USD_PER_USD
"""More credit at once is a slip of the pen; SQLite would let the sums become floats in silence."""
MAX_PRICE_NANO_USD = 10**4 * NANO_USD_PER_USD
"""The highest price per million tokens; far above what the dearest model asks. It keeps the
cost of any turn inside 64 bits, so that every turn can be settled."""

NO_AMOUNT = "%(text)s is not an amount in USD, such as 0.42."


class Rates(Protocol):
    """What a cost is computed from: nano-USD per million tokens, and per image."""

    @property
    def input_nano_usd_per_million(self) -> int:
        """Price of input tokens."""

    @property
    def output_nano_usd_per_million(self) -> int:
        """Price of output tokens."""

    @property
    def cached_input_nano_usd_per_million(self) -> int | None:
        """Price of input tokens the relay had cached; None: as other input."""

    @property
    def reasoning_nano_usd_per_million(self) -> int | None:
        """Price of output tokens of reasoning; None: as other output."""

    @property
    def image_nano_usd(self) -> int | None:
        """Price of one image; None: nothing."""


def checked(nano_usd: int) -> int:
    """The same amount, if a money column can hold it; else AmountInvalid."""
    if not -MAX_NANO_USD <= nano_usd <= MAX_NANO_USD:
        raise AmountInvalid(
            "%(amount)s nano-USD is beyond what the ledger can hold.", amount=str(nano_usd)
        )
    return nano_usd


def usd_to_nano(usd: Decimal | str) -> int:
    """USD, as a decimal string such as "0.42", to nano-USD. AmountInvalid unless exact."""
    try:
        amount = Decimal(usd.strip() if isinstance(usd, str) else usd)
    except InvalidOperation:
        raise AmountInvalid(NO_AMOUNT, text=repr(usd)) from None
    if not amount.is_finite():
        raise AmountInvalid(NO_AMOUNT, text=repr(usd))
    # "1e999999999" must not become a number of a thousand million digits.
    if amount and not -30 < amount.adjusted() < 12:
        raise AmountInvalid("USD %(amount)s is beyond what the ledger can hold.", amount=str(usd))
    numerator, denominator = amount.as_integer_ratio()
    nano_usd, lost = divmod(numerator * NANO_USD_PER_USD, denominator)
    if lost:
        raise AmountInvalid("USD %(amount)s has more than nine decimal places.", amount=str(usd))
    return checked(nano_usd)


def nano_to_usd(nano_usd: int) -> Decimal:
    """Nano-USD to USD, exactly."""
    return Decimal(nano_usd).scaleb(-9)


def format_usd(nano_usd: int) -> str:
    """Exactly, with at least two decimals: `USD 12.00`, `USD 0.000873214`, `-USD 1.50`."""
    sign = "-" if nano_usd < 0 else ""
    whole, part = divmod(abs(nano_usd), NANO_USD_PER_USD)
    decimals = f"{part:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}USD {whole:,}.{decimals}"


def ceil_div(dividend: int, divisor: int) -> int:
    """Division of non-negative integers, rounded up."""
    return -(-dividend // divisor)


def cost_nano_usd(
    tokens_in: int,
    tokens_out: int,
    input_nano_usd_per_million: int,
    output_nano_usd_per_million: int,
) -> int:
    """What the tokens cost, rounded up once."""
    total = tokens_in * input_nano_usd_per_million + tokens_out * output_nano_usd_per_million
    return checked(ceil_div(total, TOKENS_PER_PRICE))
