"""How far a batch is, on one line of a terminal or now and then in a log."""

import time
from typing import IO, Protocol

from billing.money import format_usd
from chat.queries.batches import BatchView

BAR_CELLS = 30
SAY_SECONDS = 10.0
"""Where nobody looks at a terminal a line is written this often."""


class Progress(Protocol):
    """Shows how far a batch is."""

    def show(self, batch: BatchView) -> None:
        """Show it now."""

    def end(self) -> None:
        """What is written next begins on a line of its own."""


class Bar:
    """A bar that is drawn over itself."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._width = 0

    def show(self, batch: BatchView) -> None:
        """Draw it."""
        text = f"{_bar(batch)} {said(batch)}"
        self._out.write("\r" + text.ljust(self._width))
        self._out.flush()
        self._width = len(text)

    def end(self) -> None:
        """Leave the bar as it stands."""
        self._out.write("\n")
        self._out.flush()


class Lines:
    """A line whenever something has changed, and not too often."""

    def __init__(self, out: IO[str]) -> None:
        self._out = out
        self._said = ""
        self._next_at = 0.0

    def show(self, batch: BatchView) -> None:
        """Write a line, if it is time."""
        text = said(batch)
        over = batch.state != "running"
        if text != self._said and (over or time.monotonic() >= self._next_at):
            self._out.write(text + "\n")
            self._out.flush()
            self._said, self._next_at = text, time.monotonic() + SAY_SECONDS

    def end(self) -> None:
        """Nothing is left to be done."""


def progress_on(out: IO[str]) -> Progress:
    """A bar on a terminal, lines elsewhere."""
    return Bar(out) if out.isatty() else Lines(out)


def said(batch: BatchView) -> str:
    """How far the batch is, in one line."""
    lines = batch.lines
    ended = lines.answered + lines.failed
    parts = [f"{ended} of {lines.total}"]
    if lines.failed:
        parts.append(f"{lines.failed} failed")
    if lines.running:
        parts.append(f"{lines.running} under way")
    if batch.lines_per_minute is not None:
        parts.append(f"{batch.lines_per_minute:g} a minute")
    if batch.seconds_left:
        parts.append(f"{duration(batch.seconds_left)} left")
    parts.append(format_usd(batch.cost_nano_usd))
    return ", ".join(parts)


def totals(batch: BatchView) -> str:
    """What all of it took: time, tokens and cost."""
    lines = batch.lines
    estimated = ", partly estimated" if batch.quality == "estimated" else ""
    return (
        f"{lines.answered} of {lines.total} lines answered, {lines.failed} failed, "
        f"in {duration(batch.seconds)}. {batch.prompt_tokens:,} tokens of prompts and "
        f"{batch.completion_tokens:,} of answers cost {format_usd(batch.cost_nano_usd)}{estimated}."
    )


def duration(seconds: float) -> str:
    """Seconds, from a minute on with minutes, from an hour on with hours."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.1f} s" if seconds < 10 else f"{whole} s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60} h {minutes % 60} min"


def _bar(batch: BatchView) -> str:
    ended = batch.lines.answered + batch.lines.failed
    cells = BAR_CELLS * ended // batch.lines.total
    return f"[{'#' * cells}{'.' * (BAR_CELLS - cells)}]"
