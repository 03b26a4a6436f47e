"""In which language a person meets Tram: as the browser asks, until she chooses.

A choice is kept in this browser's cookie, which every request brings along, and in the account,
from where signing in carries it to another browser.
"""

from django.conf import settings
from django.http import HttpRequest, HttpResponseBadRequest, HttpResponseBase
from django.utils.translation import check_for_language, to_locale
from django.views.decorators.http import require_POST
from django.views.i18n import set_language

from accounts.models import User


@require_POST
def choose_language(request: HttpRequest) -> HttpResponseBase:
    """Keep the `language` posted, in the browser and for the person signed in; go to `next`.

    A language that Tram does not speak is refused with 400.
    """
    code = request.POST.get("language", "")
    if not speaks(code):
        return HttpResponseBadRequest()
    if request.user.is_authenticated:
        User.objects.filter(pk=request.user.pk).update(language=code)
    return set_language(request)


def carry_language(person: User, response: HttpResponseBase) -> None:
    """Let `response` bring the language that `person` once chose to the browser she uses now."""
    if speaks(person.language):
        response.set_cookie(
            settings.LANGUAGE_COOKIE_NAME,
            person.language,
            max_age=settings.LANGUAGE_COOKIE_AGE,
            path=settings.LANGUAGE_COOKIE_PATH,
            domain=settings.LANGUAGE_COOKIE_DOMAIN,
            secure=settings.LANGUAGE_COOKIE_SECURE,
            httponly=settings.LANGUAGE_COOKIE_HTTPONLY,
            samesite=settings.LANGUAGE_COOKIE_SAMESITE,  # type: ignore[arg-type]
        )


def speaks(code: str) -> bool:
    """Return whether `code` is one of the languages of this installation."""
    return code in dict(settings.LANGUAGES) and check_for_language(code)


def language_tag(code: str) -> str:
    """Return Django's `code` as browsers write it: `zh-Hans` for `zh-hans`."""
    return to_locale(code).replace("_", "-")
