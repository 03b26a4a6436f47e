"""The hub: which turns are seen in this process, who watches which conversation, what they see."""

from collections.abc import Callable, Collection
from uuid import UUID

from chat.protocol import (
    ConversationChanged,
    Done,
    Event,
    Person,
    Presence,
    TypingNow,
    encode_event,
)
from chat.services.ending import Ended
from chat.turns.broadcast import Broadcast
from chat.turns.endings import done_event, ended_snapshot
from chat.turns.viewer import Viewer

MOST_ENDED = 4096
"""Ended turns that are remembered: a late word of one begins nothing, and no end is told twice."""


class Hub:
    """Live fan-out in one process. All methods run on the event loop and never wait."""

    def __init__(self) -> None:
        self._turns: dict[UUID, Broadcast] = {}
        self._by_conversation: dict[UUID, dict[UUID, Broadcast]] = {}
        self._watchers: dict[UUID, set[Viewer]] = {}
        self._ended: dict[UUID, None] = {}
        # Told when other people watch a conversation than before; by itself the hub knows only
        # who does so here.
        self.on_people: Callable[[UUID], None] = self._say_presence

    def live(self, turn_id: UUID) -> Broadcast | None:
        """The turn, if it runs in this process or is mirrored here."""
        return self._turns.get(turn_id)

    def live_in(self, conversation_id: UUID) -> tuple[Broadcast, ...]:
        """The running turns of a conversation that are seen here, the older ones first."""
        return tuple(self._by_conversation.get(conversation_id, {}).values())

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, turn: Broadcast, by: Viewer | None = None) -> None:
        """A turn begins: everybody who watches its conversation watches it too. `by` asked for it
        and has been told."""
        self._keep(turn)
        change = ConversationChanged(
            conversation=turn.conversation_id,
            change="message",
            turn=turn.id,
            user_message=turn.user_message_id,
            assistant_message=turn.assistant_message_id,
        )
        self.say(turn.conversation_id, change, besides=by)
        for viewer in self._watchers.get(turn.conversation_id, ()):
            viewer.watch(turn, 0)

    def end(self, turn: Broadcast, state: str, event: Event) -> None:
        """A turn ended and is stored: show the end to its viewers and forget it."""
        text = encode_event(event)
        turn.finish(state, [text], text if isinstance(event, Done) else "")
        self._forget(turn)
        if isinstance(event, Done):
            self._note_end(turn.id)

    def end_as_told(self, turn: Broadcast, state: str, done: str) -> None:
        """The same, with the encoded `done` of the process where the turn ended."""
        turn.finish(state, [done], done)
        self._forget(turn)
        self._note_end(turn.id)

    def end_as_stored(self, turn: Broadcast, ended: Ended) -> None:
        """The same of a turn that somebody else ended: its stored text, where what was shown is
        not all of it, and its `done`."""
        texts = [encode_event(done_event(ended))]
        shown = (turn.content, turn.reasoning, turn.extras, turn.epoch)
        if shown != (ended.content, ended.reasoning, ended.extras, ended.epoch):
            texts.insert(0, encode_event(ended_snapshot(ended)))
        turn.finish(ended.state, texts)
        self._forget(turn)
        self._note_end(turn.id)

    def say_end(self, ended: Ended) -> None:
        """The same of a turn that was never seen here; once."""
        if ended.turn_id not in self._turns and not self.has_ended(ended.turn_id):
            self.say(ended.conversation_id, ended_snapshot(ended))
            self.say(ended.conversation_id, done_event(ended))
            self._note_end(ended.turn_id)

    def has_ended(self, turn_id: UUID) -> bool:
        """Whether the end of a turn was told here lately."""
        return turn_id in self._ended

    def _note_end(self, turn_id: UUID) -> None:
        self._ended[turn_id] = None
        if len(self._ended) > MOST_ENDED:
            del self._ended[next(iter(self._ended))]

    def drop(self, turn: Broadcast) -> None:
        """Nothing more of the turn will be known here: forget it, and let its viewers go."""
        self._forget(turn)
        for viewer in self._watchers.get(turn.conversation_id, ()):
            viewer.unwatch(turn)

    def replace(self, old: Broadcast, new: Broadcast) -> None:
        """The turn goes on under a new epoch: its viewers see it from a snapshot on."""
        self._forget(old)
        self._keep(new)
        for viewer in self._watchers.get(new.conversation_id, ()):
            viewer.unwatch(old)
            viewer.watch(new)

    def _keep(self, turn: Broadcast) -> None:
        self._turns[turn.id] = turn
        self._by_conversation.setdefault(turn.conversation_id, {})[turn.id] = turn

    def _forget(self, turn: Broadcast) -> None:
        if self._turns.get(turn.id) is not turn:
            return
        del self._turns[turn.id]
        siblings = self._by_conversation[turn.conversation_id]
        del siblings[turn.id]
        if not siblings:
            del self._by_conversation[turn.conversation_id]

    def watched(self) -> Collection[UUID]:
        """The conversations that somebody here watches."""
        return self._watchers.keys()

    def attach(
        self,
        viewer: Viewer,
        conversation_id: UUID,
        turn_id: UUID | None = None,
        epoch: int | None = None,
        after: int | None = None,
    ) -> tuple[Broadcast, ...]:
        """Watch a conversation and its running turns; of `turn_id` only what follows chunk
        `after` of the same epoch, else a snapshot. Gives the running turns."""
        watchers = self._watchers.setdefault(conversation_id, set())
        if viewer not in watchers:
            watchers.add(viewer)
            self._people_changed(viewer, conversation_id)
        turns = self.live_in(conversation_id)
        for turn in turns:
            if turn.id == turn_id and (epoch is None or epoch == turn.epoch):
                viewer.watch(turn, after)
            elif turn.id == turn_id or not viewer.watches(turn):
                viewer.watch(turn)
        return turns

    def detach(self, viewer: Viewer, conversation_id: UUID) -> None:
        """Stop watching a conversation."""
        watchers = self._watchers.get(conversation_id)
        if watchers is not None:
            watchers.discard(viewer)
            if not watchers:
                del self._watchers[conversation_id]
            self._people_changed(viewer, conversation_id)
        viewer.unwatch_where(lambda turn: turn.conversation_id == conversation_id)

    def _people_changed(self, viewer: Viewer, conversation_id: UUID) -> None:
        """A program that waits for its answer is nobody's company."""
        if viewer.person is not None:
            self.on_people(conversation_id)

    def is_watched(self, conversation_id: UUID) -> bool:
        """Whether somebody here watches a conversation."""
        return conversation_id in self._watchers

    def people_in(self, conversation_id: UUID) -> tuple[Person, ...]:
        """Who watches a conversation here, each once, in the order of their ids."""
        watchers = self._watchers.get(conversation_id, ())
        people = {viewer.person.id: viewer.person for viewer in watchers if viewer.person}
        return tuple(people[id] for id in sorted(people))

    def _say_presence(self, conversation_id: UUID) -> None:
        self.say(conversation_id, Presence(conversation_id, self.people_in(conversation_id)))

    def say(self, conversation_id: UUID, event: Event, besides: Viewer | None = None) -> None:
        """Show an event that belongs to no turn to everybody who watches a conversation."""
        for viewer in self._watchers.get(conversation_id, ()):
            if viewer is not besides:
                viewer.say(event)

    def say_to_others(self, event: TypingNow, person_id: int) -> None:
        """Show everybody who watches but the person herself, in whichever of her tabs."""
        for viewer in self._watchers.get(event.conversation, ()):
            if viewer.person is None or viewer.person.id != person_id:
                viewer.say(event)

    def say_to(self, viewer: Viewer, conversation_id: UUID, event: Event) -> None:
        """Show one viewer an event of a conversation, if it watches that still."""
        if viewer in self._watchers.get(conversation_id, ()):
            viewer.say(event)

    def leave(self, viewer: Viewer, conversation_id: UUID) -> None:
        """Stop watching a conversation, but see its running turns to their end."""
        watchers = self._watchers.get(conversation_id, set())
        if viewer in watchers:
            watchers.discard(viewer)
            if not watchers:
                del self._watchers[conversation_id]
            self.on_people(conversation_id)
