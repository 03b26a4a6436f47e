"""The transports, over which every row must hold."""

import pytest

from tests.faults.stage import TRANSPORTS


@pytest.fixture(scope="module", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in its turn."""
    chosen: str = request.param
    return chosen
