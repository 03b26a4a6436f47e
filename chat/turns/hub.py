"""The hub: which turns run in this process, who watches which conversation, and what they see."""

from uuid import UUID

from chat.protocol import ConversationChanged, Event, Presence
from chat.turns.broadcast import Broadcast
from chat.turns.viewer import Viewer


class Hub:
    """Live fan-out in one process. All methods run on the event loop and never wait."""

    def __init__(self) -> None:
        self._turns: dict[UUID, Broadcast] = {}
        self._by_conversation: dict[UUID, dict[UUID, Broadcast]] = {}
        self._watchers: dict[UUID, set[Viewer]] = {}

    def live(self, turn_id: UUID) -> Broadcast | None:
        """The turn, if it runs in this process."""
        return self._turns.get(turn_id)

    def live_in(self, conversation_id: UUID) -> tuple[Broadcast, ...]:
        """The turns of a conversation that run in this process."""
        return tuple(self._by_conversation.get(conversation_id, {}).values())

    def __len__(self) -> int:
        return len(self._turns)

    def add(self, turn: Broadcast, by: Viewer | None = None) -> None:
        """A turn begins: everybody who watches its conversation watches it too. `by` asked for it
        and has been told."""
        self._turns[turn.id] = turn
        self._by_conversation.setdefault(turn.conversation_id, {})[turn.id] = turn
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

    def end(self, turn: Broadcast, state: str, event: Event | None) -> None:
        """A turn ended and is stored: show the end to its viewers and forget it."""
        turn.state = state
        if event is not None:
            turn.tell(event)
        self._turns.pop(turn.id, None)
        siblings = self._by_conversation.get(turn.conversation_id, {})
        siblings.pop(turn.id, None)
        if not siblings:
            self._by_conversation.pop(turn.conversation_id, None)

    def attach(
        self,
        viewer: Viewer,
        conversation_id: UUID,
        turn_id: UUID | None = None,
        epoch: int | None = None,
        after: int | None = None,
    ) -> tuple[Broadcast, ...]:
        """Watch a conversation and its running turns; of `turn_id` only what follows chunk
        `after` of the same epoch. Gives the running turns."""
        watchers = self._watchers.setdefault(conversation_id, set())
        if viewer not in watchers:
            watchers.add(viewer)
            self._say_presence(conversation_id)
        turns = self.live_in(conversation_id)
        for turn in turns:
            if turn.id == turn_id and (epoch is None or epoch == turn.epoch):
                viewer.watch(turn, after)
            elif not viewer.watches(turn):
                viewer.watch(turn)
        return turns

    def detach(self, viewer: Viewer, conversation_id: UUID) -> None:
        """Stop watching a conversation."""
        watchers = self._watchers.get(conversation_id)
        if watchers is not None:
            watchers.discard(viewer)
            if not watchers:
                del self._watchers[conversation_id]
            self._say_presence(conversation_id)
        viewer.unwatch_where(lambda turn: turn.conversation_id == conversation_id)

    def _say_presence(self, conversation_id: UUID) -> None:
        watchers = self._watchers.get(conversation_id, set())
        people = {viewer.person.id: viewer.person for viewer in watchers if viewer.person}
        present = tuple(people[id] for id in sorted(people))
        self.say(conversation_id, Presence(conversation_id, present))

    def say(self, conversation_id: UUID, event: Event, besides: Viewer | None = None) -> None:
        """Show an event that belongs to no turn to everybody who watches a conversation."""
        for viewer in self._watchers.get(conversation_id, ()):
            if viewer is not besides:
                viewer.say(event)
