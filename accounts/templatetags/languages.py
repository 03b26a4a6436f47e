"""Filters about languages."""

from django import template

from accounts.languages import language_tag

register = template.Library()
register.filter("language_tag", language_tag)
