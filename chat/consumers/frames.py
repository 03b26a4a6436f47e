"""Which frames of a client are taken, and which cost it the socket."""

from django.conf import settings

from chat import protocol
from chat.consumers import handshake
from chat.consumers.rates import FrameBucket
from chat.consumers.refusals import error_event
from chat.protocol import BadFrame, Error, decode_command

ACK_COST_FRAMES = 0.02
"""Acks come with every few chunks of every turn and cost the server nothing."""
FLOOD_REFUSALS = 200
"""So many more frames refused for speed than taken close the socket."""


class FrameRefused(Exception):
    """The client is told `event`; with a `close_code` the socket closes."""

    def __init__(self, event: Error, close_code: int | None = None) -> None:
        super().__init__(event.code)
        self.event = event
        self.close_code = close_code


class FrameGate:
    """Lets the commands of one client through, at the rate it may send them."""

    def __init__(self) -> None:
        limits = settings.SOCKETS
        self._bucket = FrameBucket(limits.frames_per_second, limits.frames_burst)
        self._bad_frames = 0
        self._refusals = 0

    def take(self, frame: str | bytes) -> protocol.Command:
        """The command in `frame`; raises FrameRefused."""
        try:
            command = decode_command(frame, settings.SOCKETS.max_frame_bytes)
        except BadFrame as error:
            self._bad_frames += 1
            too_many = self._bad_frames >= settings.SOCKETS.bad_frames_in_a_row
            code = handshake.BAD_PROTOCOL if too_many else None
            raise FrameRefused(error_event(error), code) from None
        self._bad_frames = 0
        wait_seconds = self._bucket.take(
            ACK_COST_FRAMES if isinstance(command, protocol.Ack) else 1.0
        )
        if wait_seconds:
            # A flood is let through now and then, as the bucket fills: so taken frames only
            # count against refused ones.
            self._refusals += 1
            code = handshake.TOO_MANY if self._refusals >= FLOOD_REFUSALS else None
            raise FrameRefused(too_fast(command, wait_seconds), code)
        self._refusals = max(0, self._refusals - 1)
        return command


def too_fast(command: protocol.Command, wait_seconds: float) -> Error:
    """What a client is told whose command was not taken because it came too soon."""
    return Error(
        "rate_limited",
        "Too many frames at once. Wait a moment and send again.",
        id=getattr(command, "id", None),
        turn=getattr(command, "turn", None),
        retry_after_seconds=round(wait_seconds, 2),
    )
