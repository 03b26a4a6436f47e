"""The page: a new chat, or a conversation. Both are the same template with another start."""

from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings
from django.contrib.auth.views import redirect_to_login
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from accounts.authentication import authenticate_request
from accounts.policy import PolicyRefusal, Principal
from chat.models import Conversation
from chat.queries import conversation_for
from chat.queries.standing import standing_of
from chat.views.catalogue import catalogue

PAGE_MESSAGES = 50
"""Messages the page asks for at a time."""


@require_safe
@never_cache
def new_chat(request: HttpRequest) -> HttpResponseBase:
    """Show the page with nothing in it yet."""
    principal = authenticate_request(request)
    if principal is None:
        return redirect_to_login(request.get_full_path())
    return _page(request, principal, None)


@require_safe
@never_cache
def conversation(request: HttpRequest, conversation_id: UUID) -> HttpResponseBase:
    """Show a conversation; one that is absent and one that is foreign look the same."""
    principal = authenticate_request(request)
    if principal is None:
        return redirect_to_login(request.get_full_path())
    try:
        found = conversation_for(principal, conversation_id)
    except PolicyRefusal:
        raise Http404 from None
    return _page(request, principal, found)


def _page(request: HttpRequest, principal: Principal, shown: Conversation | None) -> HttpResponse:
    language = get_language() or settings.LANGUAGE_CODE
    context: dict[str, Any] = {
        "boot": _boot(principal, shown, language),
        "catalogue": catalogue(language),
        "title": shown.title if shown else "",
    }
    return render(request, "chat/page.html", context)


def _boot(principal: Principal, shown: Conversation | None, language: str) -> dict[str, Any]:
    """Return what the page's program must know before it asks anything."""
    standing: dict[str, Any] = msgspec.to_builtins(standing_of(principal))
    limit = settings.TURNS.max_message_characters
    return {
        **standing,
        "language": language,
        "conversation": str(shown.pk) if shown else None,
        "limits": {
            "message_characters": limit,
            "max_message_characters": limit,
            "page_messages": PAGE_MESSAGES,
        },
    }
