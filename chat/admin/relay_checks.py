"""The page that checks relays: each step is shown as soon as it is made, with or without script."""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from typing import Any

import msgspec
from django.core.cache import cache
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.template.loader import render_to_string
from django.urls import URLPattern, path
from django.utils.translation import get_language, gettext, override
from django.utils.translation import gettext_lazy as _

from accounts.actors import actor_of
from accounts.services.audit import Named, record
from billing.formatting import shown_count
from chat.admin.administrators import ForAdministrators, administers
from chat.relay.check import (
    ANSWER_TOKENS,
    SENTENCES,
    CheckPlan,
    CheckStep,
    is_usable,
    sentence_of,
)
from chat.turns.relays.checking import Candidate, candidates, plan_for, steps_of

NAME = "chat_relay_check"
TEMPLATE = "admin/chat/relay/check.html"
STEP_TEMPLATE = "admin/chat/relay/_check_step.html"
END_TEMPLATE = "admin/chat/relay/_check_end.html"
MARK = "<!-- steps -->"
"""Where the page is cut: what is before it goes out at once, each step when it is made."""
LINES = "application/x-ndjson"
GRACE_SECONDS = 15
"""A check that lost its process blocks the next one for so long beyond its own longest time."""
MAX_MODEL_CHARACTERS = 200

TITLES = {
    "address": _("Address"),
    "reachable": _("Reachable"),
    "key": _("Key"),
    "models": _("Models"),
    "sse": _("Answer by SSE"),
    "websocket": _("Answer by WebSocket"),
    "usage": _("Usage"),
}
STATUSES = {
    "ok": _("good"),
    "warning": _("warning"),
    "failed": _("failed"),
    "skipped": _("skipped"),
}


class RelayChecks(ForAdministrators):
    """Adds the page to the admin of relays."""

    def get_urls(self) -> list[URLPattern]:
        """The page comes before the addresses of single relays."""
        page = path("check/", self.admin_site.admin_view(self.check_view), name=NAME)
        return [page, *super().get_urls()]

    def check_view(self, request: HttpRequest) -> HttpResponseBase:
        """GET shows what can be checked, POST checks one of it."""
        if not administers(request):
            raise PermissionDenied
        if request.method != "POST":
            return HttpResponse(self._page(request))
        chosen = next((each for each in candidates() if each.id == request.POST.get("relay")), None)
        if chosen is None:
            raise Http404
        asks = request.POST.get("answers") == "on"
        model = request.POST.get("model", "").strip()[:MAX_MODEL_CHARACTERS]
        plan = plan_for(model=model, answers=asks)
        wants_lines = LINES in request.headers.get("Accept", "")
        if not cache.add(_lock(chosen), 1, plan.total_seconds + GRACE_SECONDS):
            return self._busy(request, chosen, wants_lines=wants_lines)
        thing = Named("chat.relay", chosen.id, chosen.title)
        record(actor_of(request), "relay_checked", thing, answers=str(asks), model=model)
        rows = _rows(chosen, plan, get_language() or "en")
        if wants_lines:
            return _streamed(_as_lines(rows), LINES)
        page = self._page(request, chosen, asks=asks, model=model)
        return _streamed(_as_page(page, rows), "text/html; charset=utf-8")

    def _page(
        self,
        request: HttpRequest,
        running: Candidate | None = None,
        *,
        asks: bool = True,
        model: str = "",
        refusal: str = "",
    ) -> str:
        name = request.GET.get("name", "")
        context = self.admin_site.each_context(request) | {
            "title": _("Check relays"),
            "opts": self.opts,
            "media": self.media,
            "relays": [each for each in candidates() if name in ("", each.name)],
            "running": running,
            "refusal": refusal,
            "asks": asks,
            "model": model,
            "answer_tokens": ANSWER_TOKENS,
        }
        return render_to_string(TEMPLATE, context, request)

    def _busy(
        self, request: HttpRequest, chosen: Candidate, *, wants_lines: bool
    ) -> HttpResponseBase:
        refusal = gettext("%(relay)s is being checked already. Wait until that has ended.")
        refusal %= {"relay": chosen.title}
        if wants_lines:
            return JsonResponse({"refusal": refusal}, status=429)
        return HttpResponse(self._page(request, refusal=refusal), status=429)


def _lock(candidate: Candidate) -> str:
    # Names may hold what no cache takes.
    return f"relay-check:{candidate.id.encode().hex()}"


async def _rows(
    candidate: Candidate, plan: CheckPlan, language: str
) -> AsyncGenerator[dict[str, Any], None]:
    """Check, and yield each step in words, at last whether the relay can be used."""
    made = []
    try:
        async with aclosing(steps_of(candidate, plan)) as steps:
            async for step in steps:
                made.append(step)
                # The request's language ended with its view.
                with override(language):
                    row = _in_words(step)
                yield row
        usable = is_usable(made)
        with override(language):
            sentence = (
                gettext("This relay can be used.")
                if usable
                else gettext("This relay cannot be used as it is.")
            )
        yield {"usable": usable, "sentence": sentence}
    finally:
        await cache.adelete(_lock(candidate))


def _in_words(step: CheckStep) -> dict[str, Any]:
    return {
        "title": str(TITLES[step.name]),
        "status": step.status,
        "word": str(STATUSES[step.status]),
        "sentence": sentence_of(step.code, step.facts, gettext(SENTENCES[step.code]), shown_count),
        "detail": step.detail,
        "elapsed_ms": step.elapsed_ms,
    }


async def _as_lines(rows: AsyncGenerator[dict[str, Any], None]) -> AsyncIterator[bytes]:
    async with aclosing(rows):
        async for row in rows:
            yield msgspec.json.encode(row) + b"\n"


async def _as_page(page: str, rows: AsyncGenerator[dict[str, Any], None]) -> AsyncIterator[bytes]:
    head, _mark, tail = page.partition(MARK)
    async with aclosing(rows):
        yield head.encode()
        async for row in rows:
            template = END_TEMPLATE if "usable" in row else STEP_TEMPLATE
            yield render_to_string(template, row).encode()
        yield tail.encode()


def _streamed(content: AsyncIterator[bytes], content_type: str) -> StreamingHttpResponse:
    response = StreamingHttpResponse(content, content_type=content_type)
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"  # nginx would show all steps at the end
    return response
