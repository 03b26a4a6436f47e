"""`make simulate`: many seeds over two processes; of each that fails what happened, and why."""

import argparse
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.settings")

import django

BATCH = 50
MOST_TRACES = 3


def judge_batch(seeds: range) -> list[tuple[int, tuple[str, ...]]]:
    """The seeds of a batch that failed, with what was wrong."""
    from tests.simulation.run import run

    verdicts = (run(seed) for seed in seeds)
    return [(each.seed, each.complaints) for each in verdicts if each.complaints]


def failures(seeds: range, processes: int) -> Iterator[tuple[int, tuple[str, ...]]]:
    """All seeds that failed, as they are found."""
    batches = [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]
    with ProcessPoolExecutor(processes, initializer=begin) as pool:
        for number, failed in enumerate(pool.map(judge_batch, batches), start=1):
            yield from failed
            print(f"\r{number * BATCH} seeds", end="", file=sys.stderr, flush=True)


def begin() -> None:
    """Make a process ready: others on this machine come first."""
    os.nice(3)
    django.setup()


def main() -> int:
    """Run; 1 if a seed failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10_000, help="how many")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--processes", type=int, default=2, choices=(1, 2))
    chosen = parser.parse_args()
    began = time.monotonic()
    found = 0
    for seed, complaints in failures(
        range(chosen.first, chosen.first + chosen.seeds), chosen.processes
    ):
        found += 1
        print(f"seed {seed} failed:", *complaints[:10], sep="\n  ", flush=True)
        if found <= MOST_TRACES:
            show_trace(seed)
    seconds = time.monotonic() - began
    print(f"{chosen.seeds} seeds, {found} failed, {seconds:.0f} s")
    return 1 if found else 0


def show_trace(seed: int) -> None:
    """Run a seed once more, and print what happened."""
    django.setup()
    from tests.simulation.run import run

    print(run(seed).trace, flush=True)


if __name__ == "__main__":
    sys.exit(main())
