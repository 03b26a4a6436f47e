"""What a run found: as a table for people, as JSON for programs, and against the goals."""

import msgspec

from tests.benchmarks.figures import Spread
from tests.benchmarks.load import RATE, Paced
from tests.benchmarks.mutes import Beside

SMOOTH_MS = 100.0
"""Added p99 above which a stream no longer counts as served."""
DELIVERED_SHARE = 0.97
"""A server that brings less of the tokens in time has fallen behind, whatever its p99."""
FIRST_TOKEN_MS = 10.0
INTERRUPT_MS = 5.0
SMOOTH_STREAMS = 200
CPU_SHARE_OF_PLAIN = 0.5
MUTES_MIB = 45.0
MUTES_P99_RATIO = 1.10


class Measured(msgspec.Struct):
    """All figures of one system."""

    name: str
    start_rss_mb: float = 0.0
    idle_connection_kib: float = 0.0
    first_token_added: Spread | None = None
    interrupt: Spread | None = None
    interrupt_before_first_byte: Spread | None = None
    burst_tokens_per_second: float = 0.0
    paced: list[Paced] = []
    beside_mutes: Beside | None = None

    def at(self, streams: int) -> Paced | None:
        """The figures at so many streams, if they were taken."""
        return next((each for each in self.paced if each.streams == streams), None)

    @property
    def most_smooth_streams(self) -> int:
        """The largest load that was served without falling behind; 0 if none was."""
        return max((each.streams for each in self.paced if is_smooth(each)), default=0)


class Run(msgspec.Struct):
    """One run: both systems, on the same cores, one after the other."""

    started: str
    machine: str
    quick: bool
    tram: Measured
    plain: Measured

    @property
    def cpu_streams(self) -> int:
        """The largest load that both had: there their CPU is compared."""
        both = {each.streams for each in self.tram.paced}
        return max(both & {each.streams for each in self.plain.paced}, default=0)

    @property
    def cpu_share_of_plain(self) -> float | None:
        """Tram's CPU per token, as a share of the plain consumer's at the same load."""
        mine, its = self.tram.at(self.cpu_streams), self.plain.at(self.cpu_streams)
        if mine is None or its is None:
            return None
        return mine.steady.cpu_seconds_per_million / its.steady.cpu_seconds_per_million


class Goal(msgspec.Struct, frozen=True):
    """One goal and whether it was reached."""

    text: str
    reached: bool


def is_smooth(paced: Paced) -> bool:
    """Whether a load was served: 99 of 100 tokens within 100 ms, and none piling up."""
    return paced.steady.added.p99_ms < SMOOTH_MS and paced.delivered_share >= DELIVERED_SHARE


def goals(run: Run) -> list[Goal]:
    """The goals, each with the figure that it is held against."""
    tram, found = run.tram, []
    for text, spread, most in (
        ("added to first token, p50", tram.first_token_added, FIRST_TOKEN_MS),
        ("interrupt to close, p50", tram.interrupt, INTERRUPT_MS),
        (
            "interrupt to close before the first byte, p50",
            tram.interrupt_before_first_byte,
            INTERRUPT_MS,
        ),
    ):
        if spread is not None:
            found.append(
                Goal(f"{text}: {spread.p50_ms:.1f} ms, at most {most:g}", spread.p50_ms <= most)
            )
    loaded = tram.at(SMOOTH_STREAMS)
    if loaded is not None:
        added = loaded.steady.added
        text = (
            f"{SMOOTH_STREAMS} streams at {RATE} tokens/s, added p99: {added.p99_ms:.1f} ms, "
            f"under {SMOOTH_MS:g}"
        )
        found.append(Goal(text, is_smooth(loaded)))
    share = run.cpu_share_of_plain
    if share is not None:
        text = (
            f"CPU per token at {run.cpu_streams} streams: {share:.2f} of the plain consumer's, "
            f"at most {CPU_SHARE_OF_PLAIN:g}"
        )
        found.append(Goal(text, share <= CPU_SHARE_OF_PLAIN))
    if (mutes := tram.beside_mutes) is not None:
        text = f"{mutes.mutes} clients that never read: {mutes.extra_rss_mib:.1f} MiB, at most"
        found.append(Goal(f"{text} {MUTES_MIB:g}", mutes.extra_rss_mib <= MUTES_MIB))
        text = (
            f"p99 beside them: {mutes.p99_with_ms:.1f} ms, {mutes.p99_ratio:.2f} of that without, "
            f"at most {MUTES_P99_RATIO:g}"
        )
        found.append(Goal(text, mutes.p99_ratio <= MUTES_P99_RATIO))
    return found


def table(run: Run) -> str:
    """The run as text, 100 columns wide."""
    tram, plain = run.tram, run.plain
    lines = [run.machine, "", f"{'':52}{tram.name:>18}{plain.name:>18}{'ratio':>10}"]
    for text, mine, its in (
        ("added to first token, p50 / p99 ms", tram.first_token_added, plain.first_token_added),
        ("interrupt -> relay saw the close, p50 / p99 ms", tram.interrupt, plain.interrupt),
        (
            "  the same before the first byte",
            tram.interrupt_before_first_byte,
            plain.interrupt_before_first_byte,
        ),
    ):
        lines.append(_spread_line(text, mine, its))
    for text, value, other, form in (
        (
            "burst, one stream, tokens/s",
            tram.burst_tokens_per_second,
            plain.burst_tokens_per_second,
            ",.0f",
        ),
        ("RSS at start, MB", tram.start_rss_mb, plain.start_rss_mb, ".0f"),
        ("KiB per idle connection", tram.idle_connection_kib, plain.idle_connection_kib, ".1f"),
        (
            "most streams with added p99 < 100 ms",
            tram.most_smooth_streams,
            plain.most_smooth_streams,
            ".0f",
        ),
    ):
        lines.append(_line(text, format(value, form), format(other, form), value, other))
    lines += ["", _PACED_HEAD]
    lines += [_paced_line(each.name, paced) for each in (tram, plain) for paced in each.paced]
    share = run.cpu_share_of_plain
    if share is not None:
        lines += [
            "",
            f"CPU per token at {run.cpu_streams} streams: Tram {share:.2f} of the plain consumer.",
        ]
    lines += ["", *(f"[{'ok' if goal.reached else 'NO'}] {goal.text}" for goal in goals(run))]
    return "\n".join(lines)


_PACED_HEAD = (
    f"{'paced, 50 tokens/s a stream':30}{'streams':>8}{'added p50 / p99 ms':>20}"
    f"{'CPU s per 1M':>14}"
    f"{'server':>8}{'load':>7}{'brought':>9}{'1st token':>14}{'interrupt':>14}"
)


def _paced_line(name: str, paced: Paced) -> str:
    steady = paced.steady
    first, interrupt = paced.first_token_added, paced.interrupt
    return (
        f"{name:30}{paced.streams:>8}{steady.added.text:>20}{steady.cpu_seconds_per_million:>14.1f}"
        f"{steady.server_cpu_share:>8.0%}{steady.load_cpu_share:>7.0%}{paced.delivered_share:>9.1%}"
        f"{first.text if first else '-':>14}{interrupt.text if interrupt else '-':>14}"
    )


def _spread_line(text: str, mine: Spread | None, its: Spread | None) -> str:
    if mine is None or its is None:
        return _line(text, "-", "-", 0, 0)
    return _line(text, mine.text, its.text, mine.p50_ms, its.p50_ms)


def _line(text: str, mine: str, its: str, value: float, other: float) -> str:
    ratio = f"{value / other:.2f}" if other else "-"
    return f"{text:52}{mine:>18}{its:>18}{ratio:>10}"
