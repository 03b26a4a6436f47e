"""A page whose socket moves between two processes: one address, one login, two nodes."""

import copy
import time
from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.journeys.bridge import Bridge
from tests.journeys.desk import Desks
from tests.journeys.relay import QUICK_RELAY, RelayScripts
from tests.journeys.resuming import LOST, asks_slowly, assert_whole, line, record_losses
from tests.servers import TramServer

pytestmark = [pytest.mark.services, pytest.mark.slow]


@pytest.fixture(scope="module")
def bridge() -> Iterator[Bridge]:
    """The one address that leads to one of the nodes, like a load balancer."""
    with Bridge() as bridge:
        yield bridge


@pytest.fixture(scope="module")
def cluster(built_page: None, clusters: Clusters, bridge: Bridge) -> Iterator[Cluster]:
    """Two nodes that know the address before them."""
    env = {"ORIGINS": bridge.url}
    with clusters.make(nodes=2, env=env, relay_options=QUICK_RELAY) as made:
        yield made


@pytest.fixture(scope="module")
def site(cluster: Cluster, bridge: Bridge) -> TramServer:
    """The site as people see it."""
    to_node(bridge, cluster, 0)
    reached = copy.copy(cluster[0])
    reached.url = bridge.url
    reached.relay_url = cluster.relay.url
    return reached


def to_node(bridge: Bridge, cluster: Cluster, at: int) -> None:
    """Break what is open; from now on everything goes to this node."""
    bridge.lead_to(int(cluster[at].env["PORT"]))


def test_a_socket_that_moves_between_nodes_shows_the_whole_answer(
    desks: Desks, relay: RelayScripts, cluster: Cluster, bridge: Bridge, site: TramServer
) -> None:
    desks.watch.expect(LOST)
    to_node(bridge, cluster, 0)
    alice = desks("alice").go()
    asks_slowly(alice, relay)
    other = alice.second_tab()
    other.wait_longer_than(60)
    record_losses(other)
    for at in (1, 0, 1):
        shown = len(alice.answer_text.inner_text())
        to_node(bridge, cluster, at)
        if alice.answer.get_attribute("data-live") is None:
            break
        # It grows again through the other node.
        alice.wait_longer_than(shown)
    assert_whole(alice, *cluster)
    assert_whole(other, *cluster)
    print("the line said:", alice.page.evaluate("window.said"))


def test_stop_reaches_the_turn_from_the_other_node(
    desks: Desks, relay: RelayScripts, cluster: Cluster, bridge: Bridge, site: TramServer
) -> None:
    desks.watch.expect(LOST)
    to_node(bridge, cluster, 0)
    alice = desks("alice").go()
    relay.next_hangs_after("Said by the first node.")
    alice.send("Begin here, stop there")
    expect(alice.answer_text).to_have_text("Said by the first node.")
    to_node(bridge, cluster, 1)
    alice.reload()
    alice.wait_running()
    expect(alice.answer_text).to_have_text("Said by the first node.")
    alice.act.click()
    alice.wait_ended()
    expect(alice.answer.locator("[data-part=ending-text]")).to_contain_text("stopped")
    expect(alice.answer_text).to_have_text("Said by the first node.")
    assert cluster.relay.streams() == 0


def test_an_answer_whose_node_was_killed_is_kept_and_goes_on_at_the_other(
    desks: Desks, relay: RelayScripts, cluster: Cluster, bridge: Bridge, site: TramServer
) -> None:
    desks.watch.expect(LOST)
    to_node(bridge, cluster, 0)
    alice = desks("alice").go()
    relay.next_hangs_after("Delivered before the death,")
    alice.send("Survive your server")
    expect(alice.answer_text).to_have_text("Delivered before the death,")
    record_losses(alice)
    cluster[0].kill()
    killed_at = time.monotonic()
    try:
        to_node(bridge, cluster, 1)
        ending = alice.answer.locator("[data-part=ending-text]")
        expect(ending).to_contain_text("server restarted", timeout=60_000)
        print(f"told {time.monotonic() - killed_at:.1f} s after the death")
        expect(alice.answer_text).to_have_text("Delivered before the death,")
        assert alice.page.evaluate("window.takenBack") == []
        relay.next_says(" and told to its end.")
        alice.answer.get_by_role("button", name="Continue").click()
        expect(alice.answer_text).to_have_text("Delivered before the death, and told to its end.")
        alice.wait_ended()
        expect(line(alice)).to_have_text("")
    finally:
        cluster[0].start()
