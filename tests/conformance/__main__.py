"""`python -m tests.conformance COMMAND…`: does a client do what docs/protocol.md asks of it?"""

import asyncio
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

from tests.conformance.course import Trial, take
from tests.conformance.scenario import SCENARIOS


async def command(trials: list[Trial]) -> Mapping[str, Any]:
    """Run the program that was named, and read what it prints."""
    env = {**os.environ, "TRIALS": json.dumps(trials)}
    process = await asyncio.create_subprocess_exec(
        *sys.argv[1:], env=env, stdout=asyncio.subprocess.PIPE
    )
    try:
        said, _ = await process.communicate()
    except asyncio.CancelledError:
        process.kill()
        await process.wait()
        raise
    found: dict[str, Any] = json.loads(said)
    return found


def main() -> int:
    """Print what was wrong, scenario by scenario; the status is 1 if anything was."""
    if not sys.argv[1:]:
        print(__doc__, file=sys.stderr)
        return 2
    wrong = asyncio.run(take(command))
    for name in SCENARIOS:
        print(f"{'wrong' if name in wrong else 'right'}  {name.replace('_', ' ')}")
        if name in wrong:
            print(f"       {wrong[name]}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
