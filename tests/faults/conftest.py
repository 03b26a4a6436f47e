"""The transports, over which every row must hold, and what their servers start from."""

from functools import partial
from pathlib import Path

import pytest

from tests.faults.stage import TRANSPORTS, add_prices
from tests.sharing import once_a_run


@pytest.fixture(scope="module", params=TRANSPORTS)
def transport(request: pytest.FixtureRequest) -> str:
    """Each transport in its turn."""
    chosen: str = request.param
    return chosen


@pytest.fixture(scope="session")
def faulty_template(server_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The database of the faults' servers, with a price for every fault."""
    made = once_a_run(tmp_path_factory, "faulty", partial(add_prices, server_template))
    return made / server_template.name
