"""Filters that write money and counts."""

from django import template

from billing.exchange import Conversion
from billing.formatting import exact_usd, shown_count, shown_percent, shown_usd

register = template.Library()
register.filter("usd", shown_usd)
register.filter("exact_usd", exact_usd)
register.filter("count", shown_count)
register.filter("percent", shown_percent)


@register.filter
def at_rate(nano_usd: int | None, rate: Conversion | None) -> str:
    """The amount in another currency; nothing without a rate."""
    return "" if rate is None or nano_usd is None else rate.shown(nano_usd)


@register.filter
def negative(nano_usd: int) -> int:
    """The amount with its sign turned."""
    return -nano_usd
