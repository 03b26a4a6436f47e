"""Spend alerts by webhook: a signed POST to SPEND_WEBHOOK_URL."""

import asyncio
import hashlib
import hmac
import json
import time
from typing import Any

import httpx
from django.conf import settings

from billing.chain import keys
from billing.models import SpendAlert
from billing.money import nano_to_usd
from billing.owners import owner_of

TIMEOUT_SECONDS = 10.0
_PURPOSE = b"tram spend webhook"


def call_webhook(alert: SpendAlert) -> str:
    """Tell an alert to the webhook; returns what went wrong, in a word, or nothing.

    Any answer but 2xx counts as wrong, a redirect too. The answer's body is not read.
    """
    body = json.dumps(payload_of(alert), ensure_ascii=True).encode()
    sent_at = str(int(time.time()))
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "Tram",
        "Tram-Alert": str(alert.pk),
        "Tram-Sent-At": sent_at,
        "Tram-Signature": f"sha256={signature(body, str(alert.pk), sent_at)}",
    }
    try:
        status = asyncio.run(_post(body, headers))
    except (httpx.HTTPError, httpx.InvalidURL, ValueError, TimeoutError) as error:
        # Never its text: it may hold the address, which is a secret.
        return type(error).__name__
    return "" if 200 <= status < 300 else f"HTTP {status}"


async def _post(body: bytes, headers: dict[str, str]) -> int:
    """The status of the answer. All together is bounded, not only each step: whoever sends its head
    a byte at a time would keep every other alert waiting."""
    async with (
        asyncio.timeout(TIMEOUT_SECONDS),
        httpx.AsyncClient(
            timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False
        ) as client,
        client.stream("POST", settings.SPEND_WEBHOOK_URL, content=body, headers=headers) as answer,
    ):
        return answer.status_code


def payload_of(alert: SpendAlert) -> dict[str, Any]:
    """What the webhook is told. Amounts are exact decimal strings in USD."""
    budget = alert.budget
    return {
        "team": None if budget.team is None else budget.team.name,
        "team_id": None if budget.team_id is None else str(budget.team_id),
        "scope": budget.scope,
        "whose": owner_of(budget),
        "api_key_id": budget.api_key_id,
        "percent": alert.percent,
        "used_usd": f"{nano_to_usd(alert.used_nano_usd):f}",
        "bound_usd": f"{nano_to_usd(alert.bound_nano_usd):f}",
        "period_start": None if budget.period_start is None else budget.period_start.isoformat(),
        "at": alert.created_at.isoformat(),
    }


def webhook_key() -> str:
    """What signs the calls, for their receiver; it comes from the first of LEDGER_KEYS."""
    return hmac.new(keys()[0], _PURPOSE, hashlib.sha256).hexdigest()


def signature(body: bytes, alert_id: str, sent_at: str) -> str:
    """HMAC-SHA256 over "id.seconds.body" under `webhook_key`, as hex."""
    signed = f"{alert_id}.{sent_at}.".encode() + body
    return hmac.new(webhook_key().encode(), signed, hashlib.sha256).hexdigest()
