"""`python -m tests.benchmarks.bills [--turns 100000] [--plants 100]`: bills compared, no database.

Makes up a month of so many turns and a bill without ids that agrees: nothing must be found. Then
each kind of difference is planted so many times: all must be found and rightly named, and no other.
Ends with status 1 otherwise.
"""

import argparse
import os
import sys
import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

KINDS = 7


def main() -> int:
    """Compare both bills, print what was found and in how much of a processor's time."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.bills")
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--plants", type=int, default=100)
    options = parser.parse_args()
    os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
    import django

    django.setup()
    from billing.models import Cause
    from billing.reconciliation import compare
    from tests.billing.bills import NOVEMBER, a_month, by_line, dearer

    tried, billed = a_month(options.turns)
    began = time.process_time()
    clean = compare(tried, billed, NOVEMBER)
    sys.stdout.write(
        f"{options.turns:,} turns, a clean bill: {len(clean.findings)} findings, "
        f"{len(clean.confirmed):,} confirmed; {time.process_time() - began:.1f} s of CPU\n"
    )
    rows, wanted = by_line(billed), Counter[tuple[str, int, str]]()
    apart = options.turns // (options.plants * KINDS + 1)
    for number in range(options.plants * KINDS):
        line = 2 + (number + 1) * apart
        row, subject, strange = rows[line], f"turn:{line - 2:06}", 10**6 + line
        cost = row.cost_nano_usd or 0
        if number % KINDS == 0:
            rows[strange] = replace(row, line=strange, prompt_tokens=900_000)
            wanted[Cause.LOST_ROW, strange, ""] += 1
        elif number % KINDS == 1:
            rows[strange] = replace(row, line=strange, at=row.at + timedelta(seconds=4))
            wanted[Cause.DOUBLE_ATTEMPT, strange, subject] += 1
        elif number % KINDS == 2:
            del rows[line]
            wanted[Cause.UNBILLED, 0, subject] += 1
        elif number % KINDS == 3:
            rows[line] = dearer(row, cost // 20 + 10)
            wanted[Cause.PRICE_DRIFT, line, subject] += 1
        elif number % KINDS == 4:
            more = replace(row, completion_tokens=row.completion_tokens + 9)
            rows[line] = dearer(more, 9 * 8000)
            wanted[Cause.TOKEN_DRIFT, line, subject] += 1
        elif number % KINDS == 5:
            rows[line] = dearer(replace(row, cached_tokens=1), 7)
            wanted[Cause.CACHE_DRIFT, line, subject] += 1
        else:
            rows[line] = dearer(row, 1)
            wanted[Cause.ROUNDING, line, subject] += 1
    began = time.process_time()
    result = compare(tried, list(rows.values()), NOVEMBER)
    found = Counter(
        (str(each.cause), each.theirs.line if each.theirs else 0, each.subject)
        for each in result.findings
    )
    false, missed = (found - wanted).total(), (wanted - found).total()
    sys.stdout.write(
        f"{wanted.total()} differences planted: {result.causes}; {false} named falsely, {missed} "
        f"missed; {time.process_time() - began:.1f} s of CPU\n"
    )
    return int(bool(clean.findings or false or missed))


if __name__ == "__main__":
    sys.exit(main())
