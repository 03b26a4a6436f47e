"""The verbs of the socket: each finds, asks the policy, calls one service, and answers."""

from uuid import UUID

from accounts.policy import Principal, allows, require
from accounts.roles import Capability
from chat import protocol
from chat.crossing import cross
from chat.protocol import Accepted, Attached, Person, TypingNow
from chat.queries.running import watchable
from chat.services.admission import start_turn
from chat.services.ending import stored_end
from chat.services.intents import Admitted, Intent
from chat.services.interruption import request_interrupt
from chat.turns.endings import done_event, ended_snapshot
from chat.turns.engine import Engine
from chat.turns.relays import directory
from chat.turns.viewer import Viewer

Starting = protocol.Chat | protocol.Regenerate | protocol.Edit | protocol.Continue


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

    async def start(self, command: Starting) -> None:
        """Admit a turn, tell the client, and let it run."""
        relays = directory()
        asked = None if isinstance(command, protocol.Continue) else command.model
        # An alias is resolved before it is stored: the ledger knows real models only.
        model = (await relays.route(asked)).model if asked else None
        models = await relays.models()
        admitted = await self._engine.admit(
            lambda: cross(
                start_turn,
                self.principal,
                _intent(command, model),
                models=models,
                node=self._engine.node,
            ),
            tell=lambda admitted: self._accept(command.id, admitted),
            by=self._viewer,
        )
        if not admitted.created:
            # The same send may have come first to another process, which runs the turn.
            await self._engine.mirrors.look(admitted.conversation_id, by=self._viewer)
            await self._catch_up(admitted.turn_id, admitted.conversation_id)

    def _accept(self, id: UUID, admitted: Admitted) -> None:
        if self._left:
            return
        self._viewer.say(
            Accepted(
                id=id,
                conversation=admitted.conversation_id,
                user_message=admitted.user_message_id,
                assistant_message=admitted.assistant_message_id,
                turn=admitted.turn_id,
                epoch=admitted.epoch,
                model=admitted.model,
                hold_nano_usd=admitted.hold_nano_usd,
            )
        )
        self._attached[admitted.conversation_id] = admitted.team_id
        self._engine.hub.attach(self._viewer, admitted.conversation_id)

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
        # Noted in the database too: what the bus loses, the owner finds there with its next beat.
        place = await cross(request_interrupt, self.principal, command.turn)
        if place.running and self._engine.mirrors.owner_of(command.turn) != place.node:
            self._engine.interrupt_at(place.node, command.turn, self.principal.user_id)
        if not place.running and (ended := await cross(stored_end, command.turn)):
            self._viewer.say(done_event(ended))

    async def attach(self, command: protocol.Attach) -> None:
        """Watch a conversation; bring the client up to date with the turn it names."""
        found = await cross(watchable, self.principal, command.conversation)
        if self._left:
            return
        # The rights may have changed while the database was asked.
        require(self.principal, Capability.READ_CONVERSATION, found.team_id)
        self._attached[command.conversation] = found.team_id
        self._engine.mirrors.follow(found.running, by=self._viewer)
        live = self._engine.hub.live_in(command.conversation)
        self._viewer.say(Attached(command.conversation, tuple(turn.id for turn in live)))
        self._engine.hub.attach(
            self._viewer, command.conversation, command.turn, command.epoch, command.after
        )
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
        if ended is None or conversation_id not in self._attached:
            return
        # The snapshot replaces whatever is still on its way of this turn.
        self._viewer.unwatch_where(lambda turn: turn.id == turn_id)
        self._viewer.say(ended_snapshot(ended))
        self._viewer.say(done_event(ended))

    def detach(self, command: protocol.Detach) -> None:
        """Stop watching a conversation."""
        if self._attached.pop(command.conversation, None) is not None:
            self._engine.hub.detach(self._viewer, command.conversation)

    def typing(self, command: protocol.Typing) -> None:
        """Show the others that somebody writes. Only within what is watched and may be written."""
        team_id = self._attached.get(command.conversation)
        if team_id is not None:
            require(self.principal, Capability.SEND_MESSAGE, team_id)
            event = TypingNow(command.conversation, self._person)
            self._engine.hub.say(command.conversation, event, besides=self._viewer)

    def change_rights(self, principal: Principal) -> None:
        """Go on with the rights the person has now; let go of what may not be seen any more."""
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


def _intent(command: Starting, model: str | None) -> Intent:
    if isinstance(command, protocol.Continue):
        return Intent("continue", command.id, target_id=command.message)
    options = command.options
    return Intent(
        kind="chat"
        if isinstance(command, protocol.Chat)
        else "edit"
        if isinstance(command, protocol.Edit)
        else "regenerate",
        client_id=command.id,
        conversation_id=command.conversation if isinstance(command, protocol.Chat) else None,
        parent_id=command.parent if isinstance(command, protocol.Chat) else None,
        target_id=None if isinstance(command, protocol.Chat) else command.message,
        content="" if isinstance(command, protocol.Regenerate) else command.content,
        model=model,
        asked_model=command.model,
        temperature=options.temperature,
        top_p=options.top_p,
        max_tokens=options.max_tokens,
        system=options.system,
    )
