"""Filters of the page about the doors."""

import re

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

register = template.Library()
_CODE = re.compile(r"`([^`]+)`")


@register.filter
def paragraphs(text: str) -> SafeString:
    """Show text with `code` in it; an empty line begins a new paragraph."""
    parts = [part for part in text.split("\n\n") if part.strip()]
    return format_html_join("", "<p>{}</p>", ((code(part),) for part in parts))


@register.filter
def code(text: str) -> SafeString:
    """Show a line of text with `code` in it."""
    pieces = _CODE.split(text)
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<code>{}</code>", piece) if number % 2 else piece,)
            for number, piece in enumerate(pieces)
        ),
    )
