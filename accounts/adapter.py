"""Where allauth asks Tram: who may sign up, what a new person gets, what ends with a session."""

from collections.abc import Iterable
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.usersessions.adapter import DefaultUserSessionsAdapter
from django.conf import settings
from django.db import transaction
from django.forms import BaseForm
from django.http import HttpRequest, HttpResponseBase

from accounts.errors import SignupClosed
from accounts.languages import carry_language
from accounts.models import User
from accounts.services import people
from accounts.signals import RightsChange, announce


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    """Sign-up as this installation wants it."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:  # noqa: ARG002
        """Return whether the sign-up page takes anybody now."""
        return people.signup_is_open()

    def save_user(
        self,
        request: HttpRequest,
        user: User,
        form: BaseForm,
        commit: bool = True,  # noqa: ARG002
    ) -> User:
        """Store a person who signed up, with her teams.

        Raises:
            SignupClosed: somebody else became the first visitor meanwhile.
        """
        with transaction.atomic():
            first = people.claim_installation(form.cleaned_data["username"])
            if not first and not getattr(settings, "SIGNUP_OPEN", True):
                raise SignupClosed
            super().save_user(request, user, form, commit=True)
            if first:
                # Nobody is there yet to help her if the mail server is set up wrongly.
                self.stash_verified_email(request, user.email)
            people.welcome(user, first=first)
        return user

    def post_login(self, request: HttpRequest, user: User, **details: Any) -> HttpResponseBase:
        """Return where a person goes who has just signed in, in the language she once chose."""
        response: HttpResponseBase = super().post_login(request, user, **details)
        carry_language(user, response)
        return response

    def get_login_stages(self) -> list[str]:
        """Return allauth's steps of signing in, with Tram's own for e-mail addresses."""
        stages: list[str] = super().get_login_stages()
        own = {"allauth.account.stages.EmailVerificationStage": "accounts.stages.ConfirmEmailStage"}
        return [own.get(stage, stage) for stage in stages]

    def authenticate(self, request: HttpRequest, **credentials: Any) -> User | None:
        """Return whom the credentials prove, at the same cost whether she exists or not."""
        if "email" in credentials and credentials["email"] == credentials.get("username"):
            # A user name is tried as an address too; tried once more as an address, a wrong
            # password would take twice as long where there is such a person.
            del credentials["email"]
        person: User | None = super().authenticate(request, **credentials)
        return person

    def _get_login_attempts_cache_key(self, request: HttpRequest, **credentials: Any) -> str:
        # Counted for each address, or anybody could lock anybody out by guessing wrongly.
        key: str = super()._get_login_attempts_cache_key(request, **credentials)
        return f"{key}:{self.get_client_ip(request)}"


class SessionsAdapter(DefaultUserSessionsAdapter):  # type: ignore[misc]
    """Ending a session elsewhere ends its sockets too."""

    def end_sessions(self, sessions: Iterable[Any]) -> None:
        """End `sessions` (rows of allauth's UserSession) and announce each."""
        for session in sessions:
            change = RightsChange(session.user_id, "signed_out", credential=session.session_key)
            session.end()
            announce(change)
