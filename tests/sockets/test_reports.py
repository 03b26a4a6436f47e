"""A text that is not the stored one is counted and logged by its length alone."""

from tests.servers import TramServer
from tests.sockets.conftest import OpenSocket, SignedIn
from tests.sockets.test_metrics import scrape
from tests.sockets.test_metrics import tram_server as tram_server

HEX = "0" * 64


def mismatches(server: TramServer) -> float:
    return scrape(server)["tram_text_mismatches_total",]


async def test_another_text_is_counted_and_its_length_logged(
    open_socket: OpenSocket, tram_server: TramServer
) -> None:
    alice = await open_socket("alice")
    turn = (await alice.chat("Say something short", model="gpt-4.1"))["turn"]
    done = await alice.done(turn)
    await alice.send(type="report", turn=turn, sha256=done["sha256"], characters=1)
    await alice.send(type="report", turn=turn, sha256=HEX, characters=7)
    # Commands are done in order: an answer to a later one says that the reports were heard.
    await alice.send(type="interrupt", turn=turn)
    await alice.wait_for(lambda frame: frame["type"] == "done", after=len(alice.frames))
    assert mismatches(tram_server) == 1
    told = [line for line in tram_server.log.splitlines() if "text_mismatch" in line]
    assert len(told) == 1
    assert turn in told[0]
    assert "held_characters" in told[0]
    assert alice.turns[turn].content not in tram_server.log


async def test_nobody_reports_what_they_may_not_read(
    open_socket: OpenSocket, tram_server: TramServer, signed_in: SignedIn
) -> None:
    alice, charlie = await open_socket("alice"), await open_socket("charlie")
    turn = (await alice.chat("Say something short", model="gpt-4.1"))["turn"]
    await alice.done(turn)
    before = mismatches(tram_server)
    await charlie.send(type="report", turn=turn, sha256=HEX, characters=7)
    refused = await charlie.wait_for(lambda frame: frame["type"] == "error")
    assert (refused["code"], refused["turn"]) == ("not_found", turn)
    await charlie.send(type="report", turn=turn, sha256="no hash", characters=7)
    bad = await charlie.wait_for(lambda frame: frame.get("code") == "bad_frame")
    assert bad["detail"]["path"] == "$.sha256"
    assert mismatches(tram_server) == before
