"""The texts of the page's program in one language."""

from functools import cache
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation.trans_real import DjangoTranslation
from django.views.i18n import JavaScriptCatalog

DOMAIN = "djangojs"


@cache
def catalogue(language: str) -> dict[str, str]:
    """Return English text -> text in `language`; empty where English is what is wanted.

    Only the product's own catalogues: the admin's programs load theirs by themselves.
    """
    places = [str(Path(place)) for place in settings.LOCALE_PATHS]
    view = JavaScriptCatalog()
    view.translation = DjangoTranslation(language, domain=DOMAIN, localedirs=places)
    entries: dict[str, Any] = view.get_catalog()
    # A text that counts has a list of forms; languages here that count have the first for "one".
    return {
        text: form if isinstance(form, str) else form[0] for text, form in entries.items() if form
    }
