"""Settings of the turn engine."""

from dataclasses import dataclass

from config.environment import variable


@dataclass(frozen=True, slots=True)
class Turns:
    """Limits of turns and the rhythm of the engine that runs them."""

    default_model: str = variable(
        "DEFAULT_MODEL",
        "",
        meaning="Model of a new conversation.",
        shown_default="the first model of the first relay",
    )
    default_max_tokens: int = variable(
        "DEFAULT_MAX_TOKENS",
        2048,
        unit="tokens",
        low=1,
        high=1_000_000_000,
        meaning="Longest answer when nothing else is asked for.",
    )
    max_message_characters: int = variable(
        "MAX_MESSAGE_CHARACTERS",
        200_000,
        unit="characters",
        low=1,
        meaning="Longest message of a person.",
    )
    max_prompt_bytes: int = variable(
        "MAX_PROMPT_BYTES",
        262_144,
        unit="bytes",
        low=1024,
        high=500_000_000,
        meaning="Newest part of a branch that goes to the model with a message.",
    )
    max_program_prompt_bytes: int = variable(
        "MAX_PROGRAM_PROMPT_BYTES",
        4_194_304,
        unit="bytes",
        low=1024,
        high=500_000_000,
        meaning="Longest prompt of a program, descriptions of tools and PICTURE_TOKENS for each "
        "picture included.",
    )
    max_api_body_bytes: int = variable(
        "MAX_API_BODY_BYTES",
        8_388_608,
        unit="bytes",
        low=1024,
        high=500_000_000,
        meaning="Longest body of a request under `/v1/`; a longer one is refused. At most "
        "MAX_REQUEST_BYTES.",
    )
    api_answer_hours: int = variable(
        "API_ANSWER_HOURS",
        24,
        unit="hours",
        low=1,
        high=87_600,
        meaning="So long the text of an answer to a program is kept, for a request that is "
        "repeated with its Idempotency-Key. The figures stay, and so do the answers of batches.",
    )
    picture_tokens: int = variable(
        "PICTURE_TOKENS",
        3000,
        unit="tokens",
        low=1,
        high=1_000_000,
        meaning="What is held for each picture in a program's prompt before the relay has counted.",
    )
    max_turns_per_person: int = variable(
        "MAX_TURNS_PER_PERSON",
        8,
        unit="turns",
        low=1,
        meaning="Turns of one person at a time, besides those of API keys and batches.",
    )
    max_turns_per_api_key: int = variable(
        "MAX_TURNS_PER_API_KEY",
        100,
        unit="turns",
        low=1,
        meaning="Turns that one API key asks for at a time.",
    )
    max_waiting_messages: int = variable(
        "MAX_WAITING_MESSAGES",
        20,
        unit="messages",
        low=0,
        meaning="Messages that may wait in one conversation for the answer before them.",
    )
    max_waiting_messages_per_person: int = variable(
        "MAX_WAITING_MESSAGES_PER_PERSON",
        20,
        unit="messages",
        low=0,
        meaning="Messages of one person that may wait, in all conversations together.",
    )
    waiting_look_seconds: float = variable(
        "WAITING_LOOK_SECONDS",
        3.0,
        unit="seconds",
        low=0.1,
        meaning="Each process looks this often for messages that wait for nothing any more, and "
        "for lines it was not told of.",
    )
    max_turns_per_process: int = variable(
        "MAX_TURNS_PER_PROCESS",
        1000,
        unit="turns",
        low=1,
        meaning="Turns of one process at a time; the relay connections are bounded by it.",
    )
    flush_interval_ms: int = variable(
        "FLUSH_INTERVAL_MS",
        15,
        unit="milliseconds",
        low=0,
        high=1000,
        meaning="Least time between two chunks of a turn.",
    )
    flush_interval_max_ms: int = variable(
        "FLUSH_INTERVAL_MAX_MS",
        60,
        unit="milliseconds",
        low=0,
        high=5000,
        meaning="The same under load.",
    )
    flush_bytes: int = variable(
        "FLUSH_BYTES", 1024, unit="bytes", low=1, meaning="A chunk of this size goes out at once."
    )
    journal_tick_ms: int = variable(
        "JOURNAL_TICK_MS",
        10,
        unit="milliseconds",
        low=0,
        high=1000,
        meaning="Chunks of all turns gather this long for one commit.",
    )
    journal_stall_ms: int = variable(
        "JOURNAL_STALL_MS",
        250,
        unit="milliseconds",
        low=1,
        meaning="A slower database no longer holds up delivery.",
    )
    journal_stop_seconds: float = variable(
        "JOURNAL_STOP_SECONDS",
        30.0,
        unit="seconds",
        low=1,
        meaning="A database that stalls this long stops the relay.",
    )
    beat_seconds: float = variable(
        "BEAT_SECONDS",
        2.0,
        unit="seconds",
        low=0.1,
        meaning="Each process looks this often for turns of its own that must stop.",
    )
    drain_seconds: float = variable(
        "DRAIN_SECONDS",
        60.0,
        unit="seconds",
        low=0,
        meaning="After SIGTERM running turns may finish for this long.",
    )
