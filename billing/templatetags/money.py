"""Filters that write money and counts."""

from django import template

from billing.formatting import exact_usd, shown_count, shown_percent, shown_usd

register = template.Library()
register.filter("usd", shown_usd)
register.filter("exact_usd", exact_usd)
register.filter("count", shown_count)
register.filter("percent", shown_percent)
