"""Forms that differ from allauth's."""

from typing import Any

from allauth.account.forms import LoginForm as AllauthLoginForm
from allauth.account.forms import SignupForm as AllauthSignupForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from accounts.errors import SignupClosed
from accounts.models import User


class LoginForm(AllauthLoginForm):  # type: ignore[misc]
    """Sign-in that says what to enter."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = _("User name or e-mail address")


class SignupForm(AllauthSignupForm):  # type: ignore[misc]
    """Sign-up that can close between showing the form and sending it."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Return the new person, or the page that says why there is none."""
        try:
            result: tuple[Any, Any] = super().try_save(request)
        except SignupClosed:
            return None, render(request, "account/signup_closed.html", status=403)
        return result
