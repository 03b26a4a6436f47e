"""Settings of batches."""

from dataclasses import dataclass

from config.environment import variable


@dataclass(frozen=True, slots=True)
class Batches:
    """How large a batch may be, and how it is worked off."""

    max_lines: int = variable(
        "MAX_BATCH_LINES",
        10_000,
        unit="lines",
        low=1,
        high=1_000_000,
        meaning="Prompts of one batch.",
    )
    max_line_bytes: int = variable(
        "MAX_BATCH_LINE_BYTES",
        1_048_576,
        unit="bytes",
        low=1024,
        meaning="Longest line of a batch; a longer one fails, the others are answered.",
    )
    max_bytes: int = variable(
        "MAX_BATCH_BYTES",
        8_388_608,
        unit="bytes",
        low=1024,
        meaning="Longest batch, all lines together. MAX_REQUEST_BYTES bounds it too.",
    )
    concurrency: int = variable(
        "BATCH_CONCURRENCY",
        5,
        unit="answers",
        low=1,
        meaning="Answers at a time of a batch that does not say how many.",
    )
    max_concurrency: int = variable(
        "MAX_BATCH_CONCURRENCY",
        20,
        unit="answers",
        low=1,
        meaning="Most answers at a time that a batch may ask for. All batches of a process "
        "together take at most half of MAX_TURNS_PER_PROCESS.",
    )
    max_running_per_person: int = variable(
        "MAX_RUNNING_BATCHES_PER_PERSON",
        5,
        unit="batches",
        low=1,
        meaning="Batches of one person that run at a time; another is refused until one has ended.",
    )
    line_tries: int = variable(
        "BATCH_LINE_TRIES",
        4,
        unit="tries",
        low=1,
        high=50,
        meaning="A line fails for good when the relay has failed it so often. Tries that were cut "
        "by a restart do not count.",
    )
    retry_seconds: float = variable(
        "BATCH_RETRY_SECONDS",
        2.0,
        unit="seconds",
        low=0.01,
        meaning="Pause before a line's second try; it doubles with each further one, up to a "
        "minute.",
    )
    look_seconds: float = variable(
        "BATCH_LOOK_SECONDS",
        1.0,
        unit="seconds",
        low=0.05,
        meaning="Each process that writes answers looks this often for batches to work on.",
    )
