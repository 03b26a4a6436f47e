"""How much structure a body of JSON may have: texts may be long, but each value costs time to read
that everybody waits for."""

from chat.completions.errors import ProgramError

MOST_VALUES = 200_000
"""Texts, names, elements and containers. Ten thousand messages in parts have 140,000 at most."""
SMALL_BYTES = 65_536
"""What is shorter is read in no time, whatever it says."""
_MARKS = (b"{", b"[", b",")


def check_values(body: bytes) -> None:
    """Raise ProgramError for a body with more values than a request can need.

    Counts without decoding: decoding is what takes seconds. What stands within texts does not
    count; what is no JSON is counted somehow, and refused by whoever decodes it.
    """
    if len(body) <= SMALL_BYTES:
        return
    plain = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    values = plain.count(b'"') // 2
    if values <= MOST_VALUES:
        beside_texts = b"".join(plain.split(b'"')[::2])
        values += sum(beside_texts.count(mark) for mark in _MARKS)
    if values > MOST_VALUES:
        raise ProgramError(
            "request_too_large",
            f"The body has more than {MOST_VALUES} values. Send less at a time.",
            detail={"limit_values": MOST_VALUES},
        )
