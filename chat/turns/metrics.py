"""What this process has done and how it stands, for Prometheus. Nothing here runs per token.

Counters and histograms move when a turn ends. Gauges are read when somebody asks (`gauges.py`).
Labels have few values: relays, transports, states, codes; never people, teams or turns.
"""

from collections.abc import Sequence

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from billing.money import NANO_USD_PER_USD
from chat.services.attempts import AttemptEnd
from chat.services.ending import Ended

SECONDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 15.0, 30.0, 60.0, 120.0, 300.0)

REGISTRY = CollectorRegistry()
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def _counter(name: str, meaning: str, *labels: str) -> Counter:
    return Counter(f"tram_{name}", meaning, labels, registry=REGISTRY)


def _gauge(name: str, meaning: str, *labels: str) -> Gauge:
    return Gauge(f"tram_{name}", meaning, labels, registry=REGISTRY)


def _seconds(name: str, meaning: str, *labels: str) -> Histogram:
    return Histogram(f"tram_{name}", meaning, labels, buckets=SECONDS, registry=REGISTRY)


TURNS_STARTED = _counter("turns_started", "Turns that this process began to run")
TURNS_ENDED = _counter("turns_ended", "Turns by terminal state and error", "state", "error_code")
TURNS_RECOVERED = _counter("turns_recovered", "Turns of dead processes that were settled here")
TURNS_LOST = _counter("turns_lost", "Turns of this process that another one took over")
TURN_TTFT = _seconds("turn_ttft_seconds", "From the begin of a turn to its first text")
TURN_TOTAL = _seconds("turn_total_seconds", "From the begin of a turn to its end")
ATTEMPTS = _counter(
    "attempts", "Attempts by how they ended", "relay", "transport", "outcome", "error_code"
)
ATTEMPT_TTFT = _seconds("attempt_ttft_seconds", "From the begin of an attempt to text", "relay")
ATTEMPT_WAIT = _seconds("attempt_wait_seconds", "Time in line for the relay's key", "relay")
RETRIES = _counter("retries", "Attempts on the same relay and key again", "relay")
FALLBACKS = _counter("fallbacks", "Attempts on another relay or key", "relay")
RESUMES = _counter("resumes", "Attempts that went on with a broken answer", "relay")
TOKENS = _counter(
    "tokens", "Tokens settled, by the relay that answered", "relay", "direction", "quality"
)
COST = _counter("cost_usd", "Cost settled, by the relay that answered", "relay", "quality")
BUS_MESSAGES = _counter("bus_messages", "Messages between processes", "direction")
BUS_DROPPED = _counter("bus_dropped", "Messages between processes that were not sent or not taken")
BUS_RECONNECTS = _counter("bus_reconnects", "How often listening to Redis began anew")
CONNECTIONS_ENDED = _counter(
    "connections_ended", "Connections of clients that took too much", "reason"
)
MALFORMED = _counter("malformed_frames", "Frames of relays that were skipped", "relay")
TEXT_MISMATCHES = _counter("text_mismatches", "Clients' texts that are not the stored ones")

TURNS_ACTIVE = _gauge("turns_active", "Turns that run in this process now")
SOCKETS_OPEN = _gauge("sockets_open", "Browser sockets of this process")
BUS_ALIVE = _gauge("bus_alive", "1 while messages between processes arrive here")
DRAINING = _gauge("draining", "1 while the process takes no new work")
LEASE_AGE = _gauge("lease_age_seconds", "Since this process last renewed its lease")
JOURNAL_STALL = _gauge("journal_stall_seconds", "How long the journal's commits have failed")
STREAMS_ACTIVE = _gauge("relay_streams_active", "Attempts at work now", "relay", "key")
QUEUE_LENGTH = _gauge("relay_queue_length", "Attempts in line for a key now", "relay", "key")
BREAKER_STATE = _gauge("relay_breaker_state", "0 closed, 1 half open, 2 open", "relay", "key")
CATALOGUE_MODELS = _gauge("relay_catalogue_models", "Models that the relay lists", "relay")
CATALOGUE_AGE = _gauge("relay_catalogue_age_seconds", "Since the relay gave its list", "relay")
ACCOUNT_USED = _gauge("relay_account_used", "What the relay says was used", "relay", "key")
ACCOUNT_GRANTED = _gauge("relay_account_granted", "What the relay says was granted", "relay", "key")
ALERTS_OPEN = _gauge("alerts_open", "Open alerts about relays, of all processes", "kind")


def turn_started() -> None:
    """A turn begins."""
    TURNS_STARTED.inc()


def turn_ended(ended: Ended, attempts: Sequence[AttemptEnd]) -> None:
    """A turn ended in this process and is stored."""
    TURNS_ENDED.labels(ended.state, ended.error_code).inc()
    if ended.ttft_ms is not None:
        TURN_TTFT.observe(ended.ttft_ms / 1000)
    if ended.total_ms is not None:
        TURN_TOTAL.observe(ended.total_ms / 1000)
    before: AttemptEnd | None = None
    for attempt in attempts:
        _attempt_ended(attempt, before)
        before = attempt
    if before is not None:
        relay, quality = before.relay, ended.quality
        TOKENS.labels(relay, "in", quality).inc(ended.prompt_tokens)
        TOKENS.labels(relay, "out", quality).inc(ended.completion_tokens)
        COST.labels(relay, quality).inc(ended.cost_nano_usd / NANO_USD_PER_USD)


def _attempt_ended(attempt: AttemptEnd, before: AttemptEnd | None) -> None:
    relay = attempt.relay
    ATTEMPTS.labels(relay, attempt.transport, attempt.outcome, attempt.error_code).inc()
    ATTEMPT_WAIT.labels(relay).observe(attempt.waited_ms / 1000)
    if attempt.ttft_ms is not None:
        ATTEMPT_TTFT.labels(relay).observe(attempt.ttft_ms / 1000)
    if attempt.malformed_frames:
        MALFORMED.labels(relay).inc(attempt.malformed_frames)
    if attempt.resumed:
        RESUMES.labels(relay).inc()
    elif before is not None:
        same = (before.relay, before.key_label) == (relay, attempt.key_label)
        (RETRIES if same else FALLBACKS).labels(relay).inc()
