"""Forms that differ from allauth's."""

from typing import Any

from allauth.account.forms import SignupForm as AllauthSignupForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from accounts.errors import SignupClosed
from accounts.models import User


class SignupForm(AllauthSignupForm):  # type: ignore[misc]
    """Sign-up that can close between showing the form and sending it."""

    def try_save(self, request: HttpRequest) -> tuple[User | None, HttpResponse | None]:
        """Return the new person, or the page that says why there is none."""
        try:
            result: tuple[Any, Any] = super().try_save(request)
        except SignupClosed:
            return None, render(request, "account/signup_closed.html", status=403)
        return result
