"""The page "Relays: how they do": figures of a period, and how they stand in this process."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.contrib import admin
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from billing.tokens import is_exact
from chat.admin.administrators import administers
from chat.models import RelayAlert
from chat.queries.relay_statistics import (
    MAX_ATTEMPTS,
    Figures,
    RelayStatistics,
    RouteStatistics,
    oldest_of,
    relay_statistics,
)
from chat.relay.likeness import same_model
from chat.turns.gauges import KeyStanding, standings
from chat.turns.relays import SCRIPTED_RELAY
from chat.turns.relays.accounts import Account, accounts
from chat.turns.relays.directory import directory_in_use

NAME = "chat_relay_statistics"
PERIODS_DAYS = (1, 7, 30)
ODD_SHARE = 0.08
"""Counts that differ by more are marked; an alarm needs more than a mark."""
TEMPLATE_TOKENS = 8


@dataclass(frozen=True)
class Links:
    """Addresses of the attempts behind a number."""

    since: datetime
    relay: str
    model: str = ""

    def rows(self, **more: str) -> str:
        """All of them, or those that `more` says."""
        query = {"created_at__gte": self.since.isoformat(), "relay": self.relay, **more}
        if self.model:
            query["model"] = self.model
        return f"{reverse('admin:chat_attempt_changelist')}?{urlencode(query)}"

    @property
    def all(self) -> str:
        """All attempts."""
        return self.rows()

    @property
    def succeeded(self) -> str:
        """Completed attempts."""
        return self.rows(outcome__exact="completed")

    @property
    def failed(self) -> str:
        """Failed attempts."""
        return self.rows(outcome__exact="failed")

    @property
    def counted(self) -> str:
        """Attempts whose report can be compared."""
        return self.rows(
            outcome__exact="completed",
            quality__exact="reported",
            counted_prompt_tokens__gt="0",
            counted_completion_tokens__gt="0",
        )


@dataclass(frozen=True)
class RouteRow:
    """A model at a relay."""

    name: str
    figures: Figures
    links: Links
    other_models: tuple[str, ...]
    # Our count is the model's own; elsewhere only the truth meter knows what is usual.
    exact: bool

    @property
    def is_odd(self) -> bool:
        """Whether its counts are far from ours, beyond what templates add to each prompt."""
        if not self.exact:
            return False
        of = self.figures
        prompt = abs(of.reported_prompt - of.counted_prompt) - TEMPLATE_TOKENS * of.succeeded
        answer = abs(of.reported_completion - of.counted_completion) - of.succeeded
        return prompt > ODD_SHARE * of.counted_prompt or answer > ODD_SHARE * of.counted_completion


@dataclass(frozen=True)
class RelayBlock:
    """One relay on the page; `statistics` is empty for one that has had no attempts."""

    name: str
    statistics: RelayStatistics
    links: Links
    routes: tuple[RouteRow, ...]
    keys: tuple[tuple[KeyStanding, Account | None], ...]
    alerts: int


class RelayStatisticsPage(admin.ModelAdmin[Any]):
    """Adds the page to the admin of attempts."""

    def get_urls(self) -> list[URLPattern]:
        """The page comes before the addresses of single attempts."""
        page = path("relays/", self.admin_site.admin_view(self.statistics_view), name=NAME)
        return [page, *super().get_urls()]

    def statistics_view(self, request: HttpRequest) -> HttpResponse:
        """Show how the relays do."""
        if not administers(request):
            raise PermissionDenied
        days = _days(request)
        asked = timezone.now() - timedelta(days=days)
        since = oldest_of(asked)
        context = self.admin_site.each_context(request) | {
            "title": _("Relays: how they do"),
            "opts": self.opts,
            "media": self.media,
            "periods": [(each, _named(each), each == days) for each in PERIODS_DAYS],
            "since": since,
            "bounded": MAX_ATTEMPTS if since > asked else None,
            "relays": _blocks(since),
        }
        return TemplateResponse(request, "admin/chat/attempt/relays.html", context)


def _blocks(since: datetime) -> list[RelayBlock]:
    done = {each.relay: each for each in relay_statistics(since)}
    live = async_to_sync(_live)()
    names = [*dict.fromkeys([*(standing.relay for standing, _ in live), *done])]
    open_alerts = RelayAlert.objects.filter(closed_at__isnull=True).values_list("relay", flat=True)
    alerts = list(open_alerts)
    blocks = []
    for name in names:
        statistics = done.get(name, RelayStatistics(name))
        blocks.append(
            RelayBlock(
                name,
                statistics,
                Links(since, name),
                tuple(_route(since, name, each) for each in statistics.routes),
                tuple(pair for pair in live if pair[0].relay == name),
                alerts.count(name),
            )
        )
    return blocks


def _route(since: datetime, relay: str, route: RouteStatistics) -> RouteRow:
    others = tuple(name for name in route.echoed if not same_model(route.model, name))
    exact = relay != SCRIPTED_RELAY and is_exact(route.model)
    return RouteRow(route.model, route.figures, Links(since, relay, route.model), others, exact)


async def _live() -> list[tuple[KeyStanding, Account | None]]:
    """How the relays stand; nothing where this process runs no turns."""
    relays = directory_in_use()
    if relays is None:
        return []
    said = await accounts(relays)
    return [(each, said.get((each.relay, each.key_label))) for each in standings()]


def _days(request: HttpRequest) -> int:
    asked = request.GET.get("days", "")
    return int(asked) if asked in {str(each) for each in PERIODS_DAYS} else PERIODS_DAYS[0]


def _named(days: int) -> str:
    if days == 1:
        return _("24 hours")
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}
