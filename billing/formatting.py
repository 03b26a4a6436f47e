"""Money, counts and percentages as a person reads them, in the language of the page."""

from decimal import ROUND_HALF_EVEN, Decimal

from django.utils.formats import number_format
from django.utils.translation import gettext as _

from billing.money import nano_to_usd

SMALLEST_SHOWN = Decimal("0.0001")
NBSP = "\N{NO-BREAK SPACE}"


def shown_usd(nano_usd: int | None) -> str:
    """Rounded for reading: two decimals from one dollar up, four below. None is a dash."""
    if nano_usd is None:
        return "–"
    usd = nano_to_usd(abs(nano_usd))
    if nano_usd and usd < SMALLEST_SHOWN:
        return _("under %(amount)s") % {"amount": _usd(SMALLEST_SHOWN, 4)}
    places = 2 if usd >= 1 or not usd else 4
    return ("−" if nano_usd < 0 else "") + _usd(usd, places)


def exact_usd(nano_usd: int | None) -> str:
    """To the last nano-USD, with at least two decimals. None is a dash."""
    if nano_usd is None:
        return "–"
    usd = nano_to_usd(abs(nano_usd)).normalize()
    exponent = usd.as_tuple().exponent
    places = max(2, -exponent if isinstance(exponent, int) else 2)
    return ("−" if nano_usd < 0 else "") + _usd(usd, places)


def shown_count(count: int | None) -> str:
    """With thousands set apart. None is a dash."""
    return "–" if count is None else number_format(count, force_grouping=True)


def shown_percent(percent: Decimal | None) -> str:
    """To a tenth. None is a dash."""
    if percent is None:
        return "–"
    return f"{number_format(percent, 1, force_grouping=True)}{NBSP}%"


def _usd(usd: Decimal, places: int) -> str:
    rounded = usd.quantize(Decimal(1).scaleb(-places), rounding=ROUND_HALF_EVEN)
    return f"USD{NBSP}{number_format(rounded, places, force_grouping=True)}"
