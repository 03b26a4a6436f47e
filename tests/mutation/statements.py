"""Small mistakes in what is written as SQL, which mutmut does not know: one operator at a time."""

import importlib
import json
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from mutmut.configuration import config
from mutmut.mutation.trampoline import set_mutant_under_test
from mutmut.stats import load_stats

RESULTS = Path("mutants/statements.json")
STATEMENTS = (
    ("billing.budgets", "_LOCKED"),
    ("billing.budgets", "_TAKE"),
    ("billing.budgets", "_GIVE_BACK"),
    ("billing.ledger", "_MOVE"),
    ("billing.ledger", "_MAC"),
    ("billing.prices", "_TERMS"),
)
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


def tried(module: str, name: str, changed: str) -> int:
    """The exit code of the tests with that statement, in a process of their own."""
    child = os.fork()
    if child == 0:
        owner = importlib.import_module(module)
        old = getattr(owner, name)
        setattr(owner, name, old | {"sqlite": changed} if isinstance(old, dict) else changed)
        os._exit(run_tests())
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def run_tests() -> int:
    """Run the tests that mutmut would, quietly, to the first failure."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    arguments = [*config().pytest_add_cli_args_test_selection, *config().pytest_add_cli_args]
    return int(pytest.main(["-x", "-q", "--tb=no", *arguments]))


def main() -> int:
    """Try all; 1 where the tests fail without a mistake."""
    # mutmut's notes of what takes how long, and no mutant of its own.
    load_stats()
    set_mutant_under_test("")
    os.chdir("mutants")
    sys.path.insert(0, str(Path.cwd()))
    print("statements: running clean tests", flush=True)
    output = os.dup(1), os.dup(2)
    clean = run_tests()
    for number, kept in enumerate(output, start=1):
        os.dup2(kept, number)
    if clean != 0:
        print("the tests fail without a mistake")
        return 1
    results: list[dict[str, object]] = []
    for module, name in STATEMENTS:
        statement = getattr(importlib.import_module(module), name)
        text = statement["sqlite"] if isinstance(statement, dict) else statement
        for number, (change, changed) in enumerate(mistakes(text), start=1):
            code = tried(module, name, changed)
            mutant = f"{module}.{name}__{number}"
            results.append({"name": mutant, "change": change, "exit_code": code})
            print(f"\r{len(results)} statements", end="", flush=True)
            Path("../", RESULTS).write_text(json.dumps(results))
    print()
    return 0


if __name__ == "__main__":
    sys.exit(main())
