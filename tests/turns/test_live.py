"""Chunks of a turn: numbered without gaps, with offsets as a browser counts them."""

from hypothesis import given
from hypothesis import strategies as st

from chat.turns.broadcast import utf16_units
from chat.turns.live import LiveTurn
from tests.turns.doubles import admitted, live_turn

TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.lists(st.tuples(TEXT, TEXT, st.booleans())))
def test_chunks_join_to_what_was_gathered(parts: list[tuple[str, str, bool]]) -> None:
    turn = LiveTurn(admitted())
    chunks = []
    for content, reasoning, cut in parts:
        turn.gather(content, reasoning)
        if cut and (chunk := turn.cut()):
            chunks.append(chunk)
    if chunk := turn.cut():
        chunks.append(chunk)
    joined = ""
    for number, chunk in enumerate(chunks, start=1):
        assert chunk.seq == number
        assert chunk.offset == len(joined.encode("utf-16-le")) // 2
        joined += chunk.content
        turn.publish(chunk)
    assert turn.content == joined == "".join(content for content, _, _ in parts)
    assert turn.reasoning == "".join(reasoning for _, reasoning, _ in parts)


@given(TEXT)
def test_lengths_are_those_of_a_browser(text: str) -> None:
    assert utf16_units(text) == len(text.encode("utf-16-le")) // 2


def test_nothing_gathered_makes_no_chunk() -> None:
    assert live_turn().cut() is None


def test_a_place_is_found_by_its_seq_only_if_it_was_published() -> None:
    turn = live_turn()
    for text in ("a", "b", "c"):
        turn.gather(text)
        chunk = turn.cut()
        assert chunk is not None
        turn.publish(chunk)
    assert [turn.index_after(seq) for seq in (0, 1, 2, 3)] == [0, 1, 2, 3]
    assert turn.index_after(4) is None
    assert turn.index_after(None) is None
