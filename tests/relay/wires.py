"""Random wires: what relays send, good and bad, as events and as WebSocket frames, cut anywhere."""

from __future__ import annotations

import json
import random
from itertools import pairwise

from hypothesis import strategies as st

from tests.relay.frames import chunk
from tests.relay.loopback import frame, goodbye

MAX_LINE_BYTES = 2000

payloads = st.one_of(
    st.text(min_size=1, max_size=30).map(chunk),
    st.sampled_from(
        [
            chunk("a\u2028b\u2029c\u0085d 😀 chào 你好 \ufeff"),
            chunk("", "stop"),
            chunk("x", "length", usage={"prompt_tokens": 1, "completion_tokens": 2}),
            chunk("m", model="gpt-4.1"),
            b'{"choices": [], "usage": {"prompt_tokens": 3, "completion_tokens": 4}}',
            b'{"choices": [], "usage": {"prompt_tokens": -3, "completion_tokens": 1e99}}',
            b'{"choices": [{"delta": {"content": "vt\x0b ff\x0c raw"}}]}',
            b'{"choices": [{"delta": {"content": "lone \\ud800 half"}}]}',
            b'{"choices": [{"delta": {"content": "bad \xff utf"}}]}',
            b'{"error": {"message": "no", "type": "server_error"}}',
            b'{"error": {"message": "Rate limit exceeded. Retry after 5 seconds", "code": 429}}',
            b'{"object": "error", "message": "no"}',
            b"{broken",
            b"[" * 900 + b"]" * 900,
            b"[DONE]",
            b"ping",
            b"pong",
            b'{"type": "pong"}',
            b"",
            b"<html>",
            b"x" * (MAX_LINE_BYTES + 50),
        ]
    ),
    st.binary(max_size=40).map(lambda junk: junk.replace(b"\n", b" ").replace(b"\r", b" ")),
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(
                st.sampled_from(["choices", "delta", "content", "usage", "error", "finish_reason"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=6,
    ).map(lambda value: json.dumps(value).encode()),
)

sse_parts = st.one_of(
    payloads.map(lambda payload: b"data: " + payload + b"\n\n"),
    st.sampled_from(
        [b": ping\n\n", b"event: message\nid: 5\n", b"stray words\n", b"\n", b"\r", b"\r\n",
         b'data: {"choices": [{"delta":\ndata: {"content": "two lines"}}]}\n\n']
    ),
)  # fmt: skip
# Most random wires are no answers; these have all that one needs.
WHOLE = (chunk("whole"), chunk("", "stop"))
sse_tails = st.sampled_from([b"", b"".join(b"data: " + each + b"\n\n" for each in WHOLE)])
sse_wires = st.builds(
    lambda parts, tail, ending: (b"".join(parts) + tail).replace(b"\n", ending),
    st.lists(sse_parts, max_size=10),
    sse_tails,
    st.sampled_from([b"\n", b"\r\n", b"\r"]),
)


def fragmented(payload: bytes, opcode: int, seed: int) -> bytes:
    """A message in fragments, with a control frame between some of them."""
    rng = random.Random(seed)
    pieces = cut(payload, seed) if rng.random() < 0.5 else [payload]
    wire = b""
    for number, piece in enumerate(pieces):
        wire += frame(piece, 0 if number else opcode, fin=number == len(pieces) - 1)
        if rng.random() < 0.2:
            wire += frame(b"x" * rng.randrange(4), rng.choice((9, 10)))
    return wire


closes = st.builds(
    lambda code, reason: frame(code.to_bytes(2, "big") + reason.encode()[:123], 8),
    st.sampled_from([1000, 1001, 1005, 1006, 1008, 1011, 1013, 4401, 4429, 0, 65535]),
    st.sampled_from(["", "Server is at capacity", "Invalid API key", "Rate limit exceeded", "é"]),
)
frame_parts = st.one_of(
    st.builds(fragmented, payloads, st.sampled_from([1, 2]), st.integers(0, 2**32)),
    st.builds(fragmented, payloads, st.sampled_from([1, 2]), st.integers(0, 2**32)),
    st.builds(fragmented, payloads, st.sampled_from([1, 2]), st.integers(0, 2**32)),
    closes,
    st.sampled_from(
        [goodbye(), frame(b"", 8), frame(b"\x03", 8), frame(b"?", 9), frame(b"", 0),
         frame(b"half", 1, fin=False), frame(b"x", 3), frame(b"x" * 200, 9)]
    ),
    st.binary(max_size=12),
)  # fmt: skip
# More than the transport keeps unread, now and then.
many_texts = st.builds(
    lambda texts, times: texts * times,
    st.lists(st.text(max_size=20), max_size=10),
    st.sampled_from([1, 1, 20]),
)
frame_tails = st.sampled_from([b"", b"".join(map(frame, WHOLE))])
frame_wires = st.builds(
    lambda parts, tail: b"".join(parts) + tail, st.lists(frame_parts, max_size=10), frame_tails
)


def cut(wire: bytes, seed: int) -> list[bytes]:
    """The wire in pieces, as a network might cut it; some are empty in no network, so none is."""
    rng = random.Random(seed)
    most = rng.choice((1, 2, 5, 20, len(wire)))
    cuts = sorted({rng.randrange(1, len(wire)) for _ in range(most)}) if len(wire) > 1 else []
    return [wire[a:b] for a, b in pairwise([0, *cuts, len(wire)])]
