"""Small mistakes in what is written as SQL, which mutmut does not know: one operator at a time."""

import importlib
import json
import os
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.state import state
from mutmut.stats import load_stats

RESULTS = Path("mutants/statements.json")
NO_TESTS = 33
"""mutmut's own exit code of mutants that no test runs."""
WARMING = "tests/billing/test_settlement.py"
STATEMENTS = (
    ("billing.budgets", "_LOCKED", "_locked"),
    ("billing.budgets", "_TAKE", "take"),
    ("billing.budgets", "_GIVE_BACK", "give_back"),
    ("billing.ledger", "_MOVE", "_move"),
    ("billing.ledger", "_MAC", "_mac_at"),
    ("billing.prices", "_TERMS", "terms_for"),
)
"""Constants, and the functions that execute them."""
MISTAKES = (
    (r">=", ">"),
    (r"<=", "<"),
    (r"(?<= )\+(?= )", "-"),
    (r"(?<= )-(?= )", "+"),
    (r"\bAND\b", "OR"),
    (r"\bOR\b", "AND"),
    (r"\bNOT (?!NULL)", ""),
    (r" DESC\b", ""),
    (r"\bIS NULL\b", "IS NOT NULL"),
    (r" = (?=%)", " <> "),
    (r"\bELSE 0\b", "ELSE 1"),
)


def mistakes(statement: str) -> Iterator[tuple[tuple[str, str], str]]:
    """Each mistake in the statement: its line as it was and is, and the statement that has it."""
    for pattern, instead in MISTAKES:
        for found in re.finditer(pattern, statement):
            changed = statement[: found.start()] + instead + statement[found.end() :]
            line = statement.count("\n", 0, found.start())
            gone, came = (text.splitlines()[line].strip() for text in (statement, changed))
            yield (gone, came), changed


def tried(module: str, name: str, changed: str, tests: Iterable[str]) -> int:
    """The exit code of those tests with that statement, in a process of their own."""
    child = os.fork()
    if child == 0:
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        owner = importlib.import_module(module)
        old = getattr(owner, name)
        setattr(owner, name, old | {"sqlite": changed} if isinstance(old, dict) else changed)
        os._exit(run_tests(*tests))
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_tests(*tests: str) -> int:
    """Run tests as mutmut does, to the first failure."""
    arguments = ["-x", "-q", "--rootdir=.", "--tb=short", *tests, *config().pytest_add_cli_args]
    return int(pytest.main(arguments))


def main() -> int:
    """Try all; 1 where tests fail without a mistake."""
    # mutmut's notes of what takes how long, and none of its mutants.
    load_stats()
    set_mutant_under_test("")
    # mutmut ran them all; this imports what is forked below, and migrates.
    if run_tests(WARMING) != 0:
        return 1
    results: list[dict[str, object]] = []
    for module, name, function in STATEMENTS:
        tests = sorted(state().tests_by_mangled_function_name[f"{module}.x_{function}"])
        statement = getattr(importlib.import_module(module), name)
        text = statement["sqlite"] if isinstance(statement, dict) else statement
        for number, (change, changed) in enumerate(mistakes(text), start=1):
            code = tried(module, name, changed, tests) if tests else NO_TESTS
            mutant = f"{module}.{name}__{number}"
            results.append({"name": mutant, "change": change, "exit_code": code})
            print(f"\r{len(results)} mistakes in statements", end="", flush=True)
            RESULTS.write_text(json.dumps(results))
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
