"""What became of the mutants: by module, and every one that survived with what it changed."""

import fnmatch
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code

from tests.mutation.equivalent import EQUIVALENT, Change
from tests.mutation.statements import RESULTS

GOAL_PERCENT = 85.0
KILLED = ("killed", "timeout")
STATEMENTS = "statements"


@dataclass(frozen=True)
class Mutant:
    """One mutant, such as `billing.holds.x__fit__mutmut_3`, and what became of it."""

    name: str
    module: str
    status: str
    change: Change

    @property
    def is_killed(self) -> bool:
        """A test failed, or the program did not end any more."""
        return self.status in KILLED

    @property
    def is_excused(self) -> bool:
        """It is alive, and named as one that nothing can kill."""
        return not self.is_killed and self.change in EQUIVALENT


def mutants() -> Iterator[Mutant]:
    """All that were made."""
    for meta in sorted(Path("mutants/billing").glob("*.py.meta")):
        path = Path("billing") / meta.name.removesuffix(".meta")
        for name, exit_code in json.loads(meta.read_text())["exit_code_by_key"].items():
            status = status_by_exit_code[exit_code]
            # Of the killed ones nobody asks what they changed.
            is_told = status not in (*KILLED, "not checked")
            change = changed(name, path) if is_told else Change(path.stem, "", "")
            yield Mutant(name, path.stem, status, change)
    for each in json.loads(RESULTS.read_text()) if RESULTS.exists() else ():
        status = status_by_exit_code[each["exit_code"]]
        yield Mutant(each["name"], STATEMENTS, status, Change(STATEMENTS, *each["change"]))


def changed(name: str, path: Path) -> Change:
    """The lines that a mutant took away, and those it put there."""
    lines = get_diff_for_mutant(name, path=path).splitlines()[2:]
    gone, came = (
        " ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+"
    )
    return Change(path.stem, gone, came)


def row(title: str, found: list[Mutant]) -> str:
    """A line of the table."""
    excused = sum(each.is_excused for each in found)
    killed = sum(each.is_killed for each in found)
    judged = len(found) - excused
    score = 100 * killed / judged if judged else 100.0
    return f"{title:12}{len(found):>9}{excused:>12}{killed:>8}{judged - killed:>10}{score:>9.1f} %"


def main() -> int:
    """Print the report; 1 below the goal, or if a mutant was not tried or is wrongly excused."""
    patterns = sys.argv[1:]
    found = [
        each
        for each in mutants()
        if not patterns or any(fnmatch.fnmatch(each.name, pattern) for pattern in patterns)
    ]
    alive = [each for each in found if not each.is_killed]
    untried = sum(each.status == "not checked" for each in found)
    for each in alive:
        if not each.is_excused and each.status != "not checked":
            print(f"{each.name}: {each.status}\n  - {each.change.gone}\n  + {each.change.came}")
    stale = set() if patterns or untried else set(EQUIVALENT) - {each.change for each in alive}
    for left in sorted(stale, key=lambda change: (change.module, change.came)):
        print(f"named as equivalent, and none is left of it: {left.module}: {left.came}")
    titles = ("module", "mutants", "equivalent", "killed", "survived", "score")
    print("\n{:12}{:>9}{:>12}{:>8}{:>10}{:>11}".format(*titles))
    for module in dict.fromkeys(each.module for each in found):
        print(row(module, [each for each in found if each.module == module]))
    print(row("all", found))
    killed = len(found) - len(alive)
    late = sum(each.status == "timeout" for each in found)
    print(f"With the equivalent ones as survivors: {100 * killed / max(len(found), 1):.1f} %.")
    print(f"{late} of the killed ran out of time; {untried} were not tried.")
    judged = len(found) - sum(each.is_excused for each in alive)
    is_enough = 100 * killed >= GOAL_PERCENT * judged
    return 0 if found and is_enough and not untried and not stale else 1


if __name__ == "__main__":
    sys.exit(main())
