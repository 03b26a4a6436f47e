"""Two processes of one site: it does not matter which one answers a request."""

from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.cluster import Cluster
from tests.clusters import Clusters
from tests.openai.program import QUICK
from tests.socket_client import SeenTurn
from tests.streams.reading import FRAMES, LONG, PATH, Caller, attach, chat

pytestmark = pytest.mark.services


@pytest.fixture(scope="module")
def site(clusters: Clusters) -> Iterator[Cluster]:
    """Two processes with Redis."""
    with clusters.make(nodes=2, redis=True, relay_options=QUICK) as made:
        yield made


def test_a_stream_of_one_process_shows_what_requests_to_another_one_do(site: Cluster) -> None:
    with closing(site.page("alice", 0)) as here, closing(site.page("alice", 1)) as there:
        near, far = Caller(here), Caller(there)
        begun = far.client.post(PATH, params=FRAMES, json=chat("Say something short"))
        conversation = begun.json()["events"][0]["conversation"]
        with near.stream(attach(conversation)) as frames:
            frames.type("attached")
            message = chat(LONG, conversation=conversation)
            sent = far.client.post(PATH, params=FRAMES, json=message).json()["events"][0]
            if sent["type"] == "queued":
                sent = frames.until(lambda frame: frame.get("id") == message["id"])
            turn = sent["turn"]
            frames.text_of(turn, 200)
            held = frames.turns[turn]
        place = attach(conversation, turn=turn, epoch=held.epoch, after=held.seq)
        with far.stream(watch=(place,)) as elsewhere:
            elsewhere.turns[turn] = SeenTurn(held.epoch, held.seq, held.content)
            elsewhere.text_of(turn, len(held.content) + 100)
            assert near.tell(type="interrupt", turn=turn).status_code == 200
            assert elsewhere.type("done")["state"] in ("interrupted", "completed")
