"""Budgets between real nodes: many sends at once, and nodes that die while they hold."""

from collections.abc import Iterator

import pytest

from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.faults.nodes.budgets import MONEY_FOR, SENDS, race
from tests.faults.nodes.crowd import SLOWLY
from tests.faults.nodes.held import die_often

pytestmark = [pytest.mark.services, pytest.mark.slow]
IMPATIENT = {"LEASE_SECONDS": "3", "BEAT_SECONDS": "0.5"}


@pytest.fixture(scope="module")
def two_nodes(clusters: Clusters) -> Iterator[Cluster]:
    """Two nodes, and a relay with which an answer takes minutes."""
    with clusters.make(nodes=2, env=IMPATIENT, relay_options=SLOWLY) as made:
        yield made


async def test_of_200_sends_at_two_nodes_with_money_for_10_at_most_10_run(
    two_nodes: Cluster,
) -> None:
    """Row 48. In longer: `python -m tests.faults.nodes.budgets`."""
    found = await race(two_nodes, range(1))
    assert found.wrong == []
    assert found.overrun_nano_usd == 0
    assert max(found.ran) <= MONEY_FOR
    assert sum(found.refused.values()) == SENDS - sum(found.ran)


async def test_after_half_of_the_nodes_died_nothing_is_held_and_what_is_left_may_be_spent(
    two_nodes: Cluster,
) -> None:
    """In longer: `python -m tests.faults.nodes.held`."""
    found = await die_often(two_nodes, range(1))
    assert found.wrong == []
    assert (found.killed, found.passed) == (1, 1)
