"""Commands without a stream: done, and answered with what there is to say at once."""

from accounts.policy import require
from accounts.roles import Capability
from chat import protocol
from chat.consumers.attendant import perform
from chat.consumers.commands import Verbs
from chat.consumers.exchange import exchange
from chat.consumers.handshake import Greeting
from chat.crossing import cross
from chat.protocol import BadFrame, Event, Pong
from chat.queries.running import watchable
from chat.turns.engines import engine
from chat.turns.viewer import Viewer


class _Replies(Viewer):
    """Keeps what is said to one who is nobody's company and stays for one answer."""

    def __init__(self) -> None:
        async def send_nothing(_text: str) -> None:
            return

        super().__init__(send_nothing, window_bytes=1, ack_timeout_seconds=1, queue_frames=1)
        self.events: list[Event] = []

    def say(self, event: Event) -> None:
        """Keep an event."""
        self.events.append(event)


async def answer(greeting: Greeting, command: protocol.Command) -> list[Event]:
    """Do a command and return what it is answered with. What `chat` and the like begin goes on.

    Raises whatever the product refuses, and BadFrame for what only a stream can answer.
    """
    if isinstance(command, protocol.Ping):
        return [Pong()]
    if isinstance(command, protocol.Attach):
        raise BadFrame("`attach` needs `Accept: text/event-stream`.", "$.type")
    if isinstance(command, protocol.Typing):
        await _type(greeting, command)
        return []
    replies = _Replies()
    verbs = Verbs(engine(), replies, greeting.principal, greeting.person)
    try:
        if not isinstance(command, protocol.Interrupt) or not verbs.interrupt_at_once(command.turn):
            await perform(verbs, command)
    finally:
        verbs.leave()
    return [event for event in replies.events if not isinstance(event, protocol.Presence)]


async def _type(greeting: Greeting, command: protocol.Typing) -> None:
    found = await cross(watchable, greeting.principal, command.conversation)
    require(greeting.principal, Capability.SEND_MESSAGE, found.team_id)
    exchange().company.typing(command.conversation, greeting.person)
