"""Sign-in and sign-up, where an empty installation differs from a running one."""

from typing import Any

from allauth.account.views import LoginView as AllauthLoginView
from allauth.account.views import SignupView as AllauthSignupView
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect

from accounts.services import people


class LoginView(AllauthLoginView):  # type: ignore[misc]
    """Sign in, or go and found the installation."""

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        """Show the form; while nobody has an account there is nothing to sign in to."""
        if people.is_empty():
            return redirect("account_signup")
        response: HttpResponse = super().get(request, *args, **kwargs)
        return response

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether to offer sign-up."""
        return {**super().get_context_data(**kwargs), "signup_open": people.signup_is_open()}


class SignupView(AllauthSignupView):  # type: ignore[misc]
    """Sign up."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        """Add whether this is the first visitor, who will own the installation."""
        return {**super().get_context_data(**kwargs), "first_visitor": people.is_empty()}
