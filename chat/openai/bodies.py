"""Reading the body of a request, up to a limit."""

from django.conf import settings

from chat.completions import ProgramError
from chat.completions.bounds import check_values
from chat.openai.calls import Call


async def read_body(call: Call) -> bytes:
    """Return the body. Raises ProgramError for one that is too long, has too many values or is not
    said to be JSON, and Disconnected."""
    kind = (call.header(b"content-type") or "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise ProgramError(
            "unsupported_media_type",
            f"The body must be JSON with `Content-Type: application/json`, not {kind or 'none'!r}.",
        )
    if (coding := (call.header(b"content-encoding") or "identity").strip().lower()) != "identity":
        raise ProgramError(
            "unsupported_media_type",
            f"The body must be sent as it is, not with `Content-Encoding: {coding[:40]}`.",
        )
    limit_bytes = settings.TURNS.max_api_body_bytes
    pieces, size_bytes, more = [], 0, True
    while more:
        piece, more = await call.piece()
        size_bytes += len(piece)
        if size_bytes > limit_bytes:
            raise ProgramError(
                "request_too_large",
                f"The body is longer than {limit_bytes} bytes. Send less at a time.",
                detail={"limit_bytes": limit_bytes},
            )
        pieces.append(piece)
    body = b"".join(pieces)
    check_values(body)
    return body
