"""Decides which script and which answer a request gets."""

import hashlib
import re
from collections import OrderedDict, deque
from typing import Any

import msgspec

from chat.relay.demo.acts import ORDINARY, Script, script_from_json
from chat.relay.demo.bench import bench_named
from chat.relay.demo.faults import FAULT_PREFIX, script_named
from chat.relay.demo.handshakes import Handshake
from chat.relay.demo.offering import DemoModel
from chat.relay.demo.order import Order
from chat.relay.demo.outlets import Piece
from chat.relay.demo.pieces import cut
from chat.relay.demo.repertoire import answer_to, reasoning_for, rest_after

_IN_PROMPT = re.compile(r"\[fault: ?([a-z0-9-]+)\]")
_REMEMBERED_ATTEMPTS = 10_000


class ScriptUnknown(Exception):
    """No script has this name, or the acts are not acts."""


class Casting:
    """Chooses scripts; remembers how often a script with limited attempts was played."""

    def __init__(self, *, reads_prompts: bool) -> None:
        self._reads_prompts = reads_prompts
        self._attempts: OrderedDict[str, int] = OrderedDict()
        self.queue: deque[Script] = deque()
        self.handshakes: deque[Handshake] = deque()

    def script_for(self, order: Order, header: str | None) -> Script:
        """Choose by body field, header, queue, prompt or model; raises `ScriptUnknown`."""
        script = self._asked_for(order, header)
        if script.attempts is None:
            return script
        identity = f"{script.name} {order.messages!r}"
        key = hashlib.sha256(identity.encode("utf-8", "surrogatepass")).hexdigest()
        played = self._attempts.pop(key, 0)
        if played >= script.attempts:
            return ORDINARY
        self._attempts[key] = played + 1
        if len(self._attempts) > _REMEMBERED_ATTEMPTS:
            self._attempts.popitem(last=False)
        return script

    def next_handshake(self) -> Handshake | None:
        """Take what is queued for the next WebSocket handshake."""
        return self.handshakes.popleft() if self.handshakes else None

    def _asked_for(self, order: Order, header: str | None) -> Script:
        wish: Any = order.script if order.script is not None else header
        if wish is not None:
            return script_from(wish)
        if self.queue:
            return self.queue.popleft()
        marker = _IN_PROMPT.search(order.prompt) if self._reads_prompts else None
        if marker is not None:
            return script_from(marker[1])
        if order.model.startswith(FAULT_PREFIX):
            return script_from(order.model)
        return bench_named(order.model) or ORDINARY


def script_from(wish: Any) -> Script:
    """Make a script of a name or of a list of acts; raises `ScriptUnknown`."""
    if isinstance(wish, str) and not wish.lstrip().startswith("["):
        script = script_named(wish)
        if script is None:
            raise ScriptUnknown(f"No script is called '{wish[:80]}'")
        return script
    try:
        return script_from_json(msgspec.json.decode(wish) if isinstance(wish, str) else wish)
    except msgspec.MsgspecError as error:
        raise ScriptUnknown(f"x_tram_script: {error}") from error


def answer_for(order: Order, model: DemoModel) -> list[Piece]:
    """Give the pieces of the answer, reasoning first; a continued one starts after its prefix."""
    answer = answer_to(order.prompt, model.favourite, model.id)
    reasons = model.reasons and not order.prefix
    thoughts = cut(reasoning_for(order.prompt)) if reasons else []
    spoken = cut(rest_after(answer, order.prefix))
    return [Piece(text, is_reasoning=True) for text in thoughts] + [Piece(text) for text in spoken]
