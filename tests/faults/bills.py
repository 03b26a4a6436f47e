"""Holds every misbehaving relay's own log against the books of a faults' server, and corrects.

Run as ``python -m tests.faults.bills NAME=ADDRESS...`` in the server's environment; prints what was
left to look at of each relay, as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta

import httpx

from tests.processes import ROOT
from tests.servers import TramServer

Left = dict[str, tuple[int, int]]
"""By relay: nano-USD between its bill and the books, and the findings that nothing explains."""


def reconciled(server: TramServer, addresses: Mapping[str, str]) -> Left:
    """Reconcile a running server's books with the logs of the relays at these addresses."""
    named = [f"{name}={address}" for name, address in addresses.items()]
    command = [sys.executable, "-m", "tests.faults.bills", *named]
    done = subprocess.run(
        command, cwd=ROOT, env=server.env, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found: Left = {name: (left[0], left[1]) for name, left in json.loads(done.stdout).items()}
    return found


def main() -> None:
    """Reconcile with each relay that is named."""
    import django

    django.setup()
    print(json.dumps(dict(_reconcile(*each.split("=", 1)) for each in sys.argv[1:])))


def _reconcile(relay: str, address: str) -> tuple[str, tuple[int, int]]:
    from django.utils import timezone

    from billing.reconciliation_runs import Asked
    from chat.services.reconciling import read_bill_of, reconcile_relay

    log = httpx.get(address.removesuffix("/v1") + "/demo/log", trust_env=False).content
    until = timezone.now()
    asked = Asked(
        relay=relay,
        since=until - timedelta(days=1),
        until=until,
        bill=read_bill_of(relay, log, "log"),
        dry_run=False,
    )
    outcome = reconcile_relay(asked)
    return relay, (outcome.left_nano_usd, outcome.open_findings)


if __name__ == "__main__":
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    main()
