"""What a run of the doors found: as a table for people, and against the goals."""

import msgspec

from tests.benchmarks.report import Measured

FIRST_TOKEN_MS = 10.0
STREAMS_BY_PEER = 2.0


class Run(msgspec.Struct):
    """One run: all systems on the same cores, one after the other."""

    machine: str
    quick: bool
    measured: dict[str, Measured]


def table(found: Run) -> str:
    """The figures side by side, as Markdown."""
    lines = [
        found.machine,
        "",
        "| | first token added ms, p50 / p99 | most streams, added p99 < 100 ms "
        "| CPU s per 1M tokens (streams) | hang-up -> relay saw it ms | burst tokens/s | RSS MB |",
        "|---|---|---|---|---|---|---|",
    ]
    for each in found.measured.values():
        heaviest = each.at(each.most_smooth_streams) or each.paced[0]
        cells = [
            each.name,
            each.first_token_added.text if each.first_token_added else "-",
            str(each.most_smooth_streams),
            f"{heaviest.steady.cpu_seconds_per_million:.0f} ({heaviest.streams})",
            each.interrupt.text if each.interrupt else "-",
            f"{each.burst_tokens_per_second:,.0f}",
            f"{each.start_rss_mb:.0f}",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    told = [f"{goal}: {'reached' if ok else 'MISSED'}" for goal, ok in goals(found)]
    return "\n".join([*lines, "", *told])


def goals(found: Run) -> list[tuple[str, bool]]:
    """What is demanded, and whether it was reached."""
    tram, peer = found.measured["Tram"], found.measured.get("LiteLLM")
    assert tram.first_token_added is not None
    p50 = tram.first_token_added.p50_ms
    first = f"first token added {p50:.1f} ms, at most {FIRST_TOKEN_MS:.0f}"
    told = [(first, p50 <= FIRST_TOKEN_MS)]
    if peer is not None and peer.most_smooth_streams:
        times = tram.most_smooth_streams / peer.most_smooth_streams
        streams = f"{times:.1f} times LiteLLM's streams, at least {STREAMS_BY_PEER:.0f}"
        told.append((streams, times >= STREAMS_BY_PEER))
    return told
