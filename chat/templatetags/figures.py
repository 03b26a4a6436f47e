"""Numbers of the relays' statistics as people read them. None is a dash."""

from typing import Any

from django import template
from django.utils.formats import number_format
from django.utils.translation import gettext as _

from billing.formatting import shown_count

register = template.Library()
A_SECOND_MS = 1000
DASH = "–"


@register.filter
def ms(milliseconds: float | None) -> str:
    """A time: milliseconds below a second, else seconds."""
    if milliseconds is None:
        return DASH
    if milliseconds < A_SECOND_MS:
        return f"{shown_count(round(milliseconds))} ms"
    return f"{number_format(milliseconds / A_SECOND_MS, 1)} s"


@register.filter
def rounded(value: float | None) -> str:
    """With one decimal."""
    return DASH if value is None else number_format(value, 1, force_grouping=True)


@register.filter
def ratio(value: float | None) -> str:
    """With two decimals."""
    return DASH if value is None else number_format(value, 2)


@register.filter
def amount(value: Any) -> str:
    """What a relay says in a unit of its own."""
    if not isinstance(value, int | float):
        return DASH
    return number_format(value, 0 if float(value).is_integer() else 2, force_grouping=True)


@register.filter
def breaker(state: str) -> str:
    """The state of a breaker in words."""
    words = {
        "closed": _("closed: goes through"),
        "half_open": _("half open: one tries"),
        "open": _("open: left alone"),
    }
    return words.get(state, state)
