"""Doors to who one is, the current team and its budget."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import get_language
from msgspec import Struct
from ninja import Router, Schema
from pydantic import ConfigDict

from accounts.authentication import authenticate_request
from accounts.policy import Forbidden, NotVisible
from accounts.services.current_team import switch_team
from chat.api.credentials import principal_of
from chat.protocol import TeamView
from chat.queries.standing import Budget, Me, Standing, budget_for, standing_of

router = Router()


class Language(Struct, frozen=True):
    """A language of the interface, named in itself."""

    code: str
    name: str


class MeView(Struct, frozen=True):
    """Who somebody is here, and the languages she can choose from."""

    user: Me
    team: TeamView | None
    teams: tuple[TeamView, ...]
    language: str
    languages: tuple[Language, ...]


class Choice(Schema):
    """The team to work in from now on."""

    model_config = ConfigDict(extra="forbid")

    team: UUID


@router.get("/me")
def me(request: HttpRequest) -> MeView:
    """Say who is signed in."""
    return _me(standing_of(principal_of(request)))


@router.get("/budget")
def budget(request: HttpRequest) -> Budget:
    """Say what the current team may still spend."""
    return budget_for(principal_of(request))


@router.post("/team")
def choose_team(request: HttpRequest, choice: Choice) -> MeView:
    """Make another team the current one of this session."""
    principal = principal_of(request)
    if principal.via != "session":
        # A key belongs to one team.
        raise Forbidden
    switch_team(request.session, principal.user_id, choice.team)
    switched = authenticate_request(request)
    if switched is None:
        raise NotVisible
    return _me(standing_of(switched))


def _me(standing: Standing) -> MeView:
    return MeView(
        user=standing.user,
        team=standing.team,
        teams=standing.teams,
        language=get_language() or settings.LANGUAGE_CODE,
        languages=tuple(Language(code, name) for code, name in settings.LANGUAGES),
    )
