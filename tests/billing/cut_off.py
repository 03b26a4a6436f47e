"""`python -m tests.billing.cut_off N`: reconciles the turns of test_reconciliation_races, and is
killed in the middle of the correction after N of them."""

import os
import signal
import sys
from typing import Any

import django


def main() -> None:
    """Reconcile until the kill."""
    django.setup()
    from billing import ledger
    from tests.billing.correcting import run
    from tests.billing.test_reconciliation_races import attempts, bill

    post, left = ledger.post_correction, int(sys.argv[1])

    def post_or_die(*args: Any, **how: Any) -> Any:
        nonlocal left
        transfer = post(*args, **how)
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return transfer

    ledger.post_correction = post_or_die
    run(bill(), attempts())


if __name__ == "__main__":
    main()
