"""Settings of the limits: of a relay's key, of a person, of a team."""

from dataclasses import dataclass

from config.environment import variable

KEY_REQUESTS_PER_MINUTE = 60
NOT_SET = -1


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be asked for in a minute and at a time; 0 is no limit."""

    max_requests_per_minute: int = variable(
        "MAX_REQUESTS_PER_MINUTE",
        NOT_SET,
        unit="requests a minute",
        low=0,
        high=1_000_000,
        meaning="Requests to a relay with one key, by all processes together. What is beyond waits "
        "in line.",
        shown_default=f"{KEY_REQUESTS_PER_MINUTE}; none for the relays on this machine",
    )
    max_tokens_per_minute: int = variable(
        "MAX_TOKENS_PER_MINUTE",
        0,
        unit="tokens a minute",
        low=0,
        high=1_000_000_000_000,
        meaning="Tokens of prompts and answers with one key, by all processes together.",
    )
    max_streams_per_key: int = variable(
        "MAX_STREAMS_PER_KEY",
        0,
        unit="answers",
        low=0,
        high=100_000,
        meaning="Answers that one key writes at a time, in all processes together.",
    )
    queue_seconds: float = variable(
        "RELAY_QUEUE_SECONDS",
        60.0,
        unit="seconds",
        low=0,
        high=3600,
        meaning="Longest wait in line for a relay's key, beside the time that the turn has.",
    )
    queue_length: int = variable(
        "RELAY_QUEUE_LENGTH",
        200,
        unit="turns",
        low=0,
        high=100_000,
        meaning="Turns that may wait for one key in a process.",
    )
    max_requests_per_minute_per_person: int = variable(
        "MAX_REQUESTS_PER_MINUTE_PER_PERSON",
        0,
        unit="turns a minute",
        low=0,
        meaning="Turns that one person may begin in a minute, in all teams together.",
    )
    max_requests_per_minute_per_team: int = variable(
        "MAX_REQUESTS_PER_MINUTE_PER_TEAM",
        0,
        unit="turns a minute",
        low=0,
        meaning="Turns that a team may begin in a minute.",
    )
    max_tokens_per_minute_per_person: int = variable(
        "MAX_TOKENS_PER_MINUTE_PER_PERSON",
        0,
        unit="tokens a minute",
        low=0,
        meaning="A person whose answers of the last minute took so many tokens waits.",
    )
    max_tokens_per_minute_per_team: int = variable(
        "MAX_TOKENS_PER_MINUTE_PER_TEAM",
        0,
        unit="tokens a minute",
        low=0,
        meaning="A team whose answers of the last minute took so many tokens waits.",
    )
    max_turns_per_team: int = variable(
        "MAX_TURNS_PER_TEAM", 0, unit="turns", low=0, meaning="Turns of one team at a time."
    )
    max_api_keys_per_person: int = variable(
        "MAX_API_KEYS_PER_PERSON",
        50,
        unit="keys",
        low=0,
        meaning="API keys that one person may have at a time, in all teams together; revoked and "
        "expired ones do not count.",
    )

    def key_requests_per_minute(self, *, embedded: bool = False) -> int:
        """Requests a minute of a key that says nothing else; 0 = no limit. The relays on this
        machine have none unless the variable is set."""
        if self.max_requests_per_minute != NOT_SET:
            return self.max_requests_per_minute
        return 0 if embedded else KEY_REQUESTS_PER_MINUTE
