"""A server ends when it is told to, whatever becomes of its database."""

import pytest

from tests.clusters import Clusters

pytestmark = pytest.mark.services


@pytest.mark.slow
def test_a_database_that_answers_nothing_any_more_keeps_no_server_from_its_end(
    clusters: Clusters,
) -> None:
    with clusters.make(nodes=1, redis=False, doors=True, env={"DRAIN_SECONDS": "1"}) as cluster:
        cluster.database_door.swallow()
        assert cluster[0].terminate(timeout_seconds=90) == 0
