"""The verbs of the socket: each finds, asks the policy, calls one service, and answers."""

import asyncio
import contextlib
from functools import partial
from uuid import UUID

from django.conf import settings

from accounts.authentication import revalidate
from accounts.policy import NotVisible, PolicyRefusal, Principal, StaleRights, allows, require
from accounts.roles import Capability
from chat import protocol
from chat.consumers.exchange import exchange
from chat.consumers.groups import accepted_event, role_changes
from chat.consumers.intents import Starting, intent_of
from chat.consumers.reports import note_report
from chat.crossing import cross
from chat.protocol import Attached, Person, Queued
from chat.queries.running import watchable
from chat.services.ending import Ended, stored_end
from chat.services.errors import TooManyWatched
from chat.services.intents import Admitted, Intent, Models
from chat.services.interruption import place_to_interrupt, request_interrupt
from chat.services.waiting import InLine, send, withdraw
from chat.turns.endings import done_event, ended_snapshot
from chat.turns.engine import Engine
from chat.turns.relays import directory
from chat.turns.viewer import Viewer

TYPING_SECONDS = 2.0
"""Others are told no more often than this that somebody types."""


class _Waits(Exception):
    """No turn yet: the message is in line."""

    def __init__(self, in_line: InLine) -> None:
        super().__init__()
        self.in_line = in_line


class Verbs:
    """What one signed-in connection may ask for. `principal` is replaced when rights change."""

    def __init__(
        self, engine: Engine, viewer: Viewer, principal: Principal, person: Person
    ) -> None:
        self.principal = principal
        self._engine = engine
        self._viewer = viewer
        self._person = person
        self._attached: dict[UUID, UUID] = {}
        self._left = False
        # By the event loop's clock; at once for what is typed after a send.
        self._next_typing_at = 0.0
        self._exchange = exchange()

    async def start(self, command: Starting) -> None:
        """Admit a turn, tell the client, and let it run."""
        relays = directory()
        asked = None if isinstance(command, protocol.Continue) else command.model
        # An alias is resolved before it is stored: the ledger knows real models only.
        model = (await relays.route(asked)).model if asked else None
        models = await relays.models()
        intent = intent_of(command, model)
        try:
            admitted = await self._engine.admit(
                lambda: self._send(intent, models),
                tell=lambda admitted: self._accept(command.id, admitted),
                by=self._viewer,
            )
        except _Waits as waits:
            self._line_up(waits.in_line)
            return
        if not admitted.created:  # The same send may have come first to another process.
            await self._engine.mirrors.look(admitted.conversation_id, by=self._viewer)
            await self._catch_up(admitted.turn_id, admitted.conversation_id)

    async def _send(self, intent: Intent, models: Models) -> Admitted:
        store = self._engine.handovers.store
        try:
            sent = await store(partial(send, self.principal, intent, models=models))
        except StaleRights:
            # Nobody has told this connection yet.
            principal = await cross(revalidate, self.principal)
            if principal is None:
                raise NotVisible from None
            self.change_rights(principal)
            sent = await store(partial(send, principal, intent, models=models))
        if isinstance(sent, InLine):
            raise _Waits(sent)
        return sent

    def _line_up(self, waiting: InLine) -> None:
        if not self._left:
            self._next_typing_at = 0.0
            self._viewer.say(Queued(waiting.client_id, waiting.conversation_id, waiting.position))
            self._watch(waiting.conversation_id, waiting.team_id)

    def _watch(self, conversation_id: UUID, team_id: UUID) -> None:
        if self._is_one_too_many(conversation_id):
            # Who asked here must see the answer; one in which nothing is written is let go of.
            quiet = (id for id in self._attached if not self._engine.hub.live_in(id))
            if (longest := next(quiet, None)) is not None:
                self.detach(protocol.Detach(longest))
        self._attached[conversation_id] = team_id
        self._engine.hub.attach(self._viewer, conversation_id)

    def _is_one_too_many(self, conversation_id: UUID) -> bool:
        maximum = settings.SOCKETS.max_watched_conversations
        return conversation_id not in self._attached and len(self._attached) >= maximum

    def _accept(self, id: UUID, admitted: Admitted) -> None:
        if self._left:
            return
        self._next_typing_at = 0.0
        self._viewer.say(accepted_event(id, admitted))
        self._watch(admitted.conversation_id, admitted.team_id)

    async def withdraw(self, command: protocol.Withdraw) -> None:
        """Take a waiting message back. Everybody who watches is told of the line."""
        await cross(withdraw, self.principal, command.id)

    def interrupt_at_once(self, turn_id: UUID) -> bool:
        """Stop a turn without waiting for anything: here, or by telling the process that is known
        to run it.

        False: it does not run here, and the database is to be told. Raises NotVisible or Forbidden.
        """
        if self._interrupt_here(turn_id):
            return True
        if (node := self._engine.mirrors.owner_of(turn_id)) is not None:
            self._engine.interrupt_at(node, turn_id, self.principal.user_id)
        return False

    def _interrupt_here(self, turn_id: UUID) -> bool:
        live = self._engine.hub.live(turn_id)
        if live is None:
            return False
        require(self.principal, Capability.INTERRUPT_TURN, live.team_id)
        return self._engine.interrupt(turn_id, self.principal.user_id)

    async def interrupt(self, command: protocol.Interrupt) -> None:
        """Stop a turn that runs elsewhere, or say again how an ended one ended."""
        if self._interrupt_here(command.turn):
            return
        if self._engine.mirrors.owner_of(command.turn) is None:
            # Told before the database commits anything: that takes the most time of all.
            found = await cross(place_to_interrupt, self.principal, command.turn)
            if found.running:
                self._engine.interrupt_at(found.node, command.turn, self.principal.user_id)
        # Noted in the database too: what the bus loses, the owner finds there with its next beat.
        place = await cross(request_interrupt, self.principal, command.turn)
        if place.running or not place.may_read:
            return
        if (ended := await cross(stored_end, command.turn)) is not None:
            self._tell_end(ended)

    def _tell_end(self, ended: Ended) -> None:
        # With its text, which replaces whatever is still on its way here of this turn.
        self._viewer.unwatch_where(lambda turn: turn.id == ended.turn_id)
        self._viewer.say(ended_snapshot(ended))
        self._viewer.say(done_event(ended))

    async def attach(self, command: protocol.Attach) -> None:
        """Watch a conversation; bring the client up to date with the turn it names."""
        await self._attach(command, tell=True)

    async def resume(self, place: protocol.Attach) -> None:
        """Watch what this client watched on another connection, without saying so; nothing where
        it may not be seen any more."""
        with contextlib.suppress(PolicyRefusal, TooManyWatched):
            await self._attach(place, tell=False)

    async def _attach(self, command: protocol.Attach, *, tell: bool) -> None:
        found = await cross(watchable, self.principal, command.conversation)
        if self._left:
            return
        # The rights may have changed while the database was asked.
        require(self.principal, Capability.READ_CONVERSATION, found.team_id)
        if self._is_one_too_many(command.conversation):
            maximum = settings.SOCKETS.max_watched_conversations
            raise TooManyWatched(limit="watched_conversations", maximum=maximum)
        self._attached[command.conversation] = found.team_id
        self._engine.mirrors.follow(found.running, by=self._viewer)
        if tell:
            live = self._engine.hub.live_in(command.conversation)
            self._viewer.say(Attached(command.conversation, tuple(turn.id for turn in live)))
        self._engine.hub.attach(
            self._viewer, command.conversation, command.turn, command.epoch, command.after
        )
        self._exchange.lines.look_for(self._viewer, command.conversation)
        if command.turn is not None:
            await self._catch_up(command.turn, command.conversation)

    async def _catch_up(self, turn_id: UUID, conversation_id: UUID) -> None:
        """Give the stored end of a turn that does not run any more.

        Raises NotVisible for a turn that is not in this conversation.
        """
        live = self._engine.hub.live(turn_id)
        if live is not None and live.conversation_id == conversation_id:
            return
        ended = await cross(stored_end, turn_id, conversation_id=conversation_id)
        if ended is not None and conversation_id in self._attached:
            self._tell_end(ended)

    def detach(self, command: protocol.Detach) -> None:
        """Stop watching a conversation."""
        if self._attached.pop(command.conversation, None) is not None:
            self._engine.hub.detach(self._viewer, command.conversation)

    def typing(self, command: protocol.Typing) -> None:
        """Show the others that somebody writes, now and then. Only within what is watched and may
        be written."""
        team_id = self._attached.get(command.conversation)
        if team_id is not None:
            require(self.principal, Capability.SEND_MESSAGE, team_id)
            now = asyncio.get_running_loop().time()
            if now >= self._next_typing_at:
                self._next_typing_at = now + TYPING_SECONDS
                self._exchange.company.typing(command.conversation, self._person)

    async def report(self, command: protocol.Report) -> None:
        """Note that a client held another text than is stored. Raises NotVisible."""
        await note_report(self.principal, command)

    def let_go(self, conversation_id: UUID) -> None:
        """The conversation is deleted: watch it no more, but see how its turns end."""
        if self._attached.pop(conversation_id, None) is not None:
            self._engine.hub.leave(self._viewer, conversation_id)

    def change_rights(self, principal: Principal) -> None:
        """Go on with the rights the person has now; let go of what may not be seen any more."""
        for event in role_changes(self.principal, principal):
            self._viewer.say(event)
        self.principal = principal
        for conversation_id, team_id in list(self._attached.items()):
            if not allows(principal, Capability.READ_CONVERSATION, team_id):
                self.detach(protocol.Detach(conversation_id))

    def leave(self) -> None:
        """The connection is gone. Its turns go on."""
        self._left = True
        for conversation_id in list(self._attached):
            self.detach(protocol.Detach(conversation_id))
        self._viewer.unwatch_all()
