"""What a program asks, from the request's body to the stored turn: the same on every door."""

import hashlib
import time
from functools import partial
from uuid import UUID, uuid4, uuid5

from django.db import Error as DatabaseError

from accounts.authentication import revalidate
from accounts.policy import Principal, StaleRights, require
from accounts.roles import Capability
from chat.completions import AnswerWriter, Asked, ProgramError, read_request
from chat.crossing import cross
from chat.openai.refusals import explain
from chat.relay.errors import ModelUnknown
from chat.services.completions import start_completion
from chat.services.intents import Admitted, Completion, Models, PromptMessage
from chat.services.model_choice import allows_model
from chat.turns.asking import Asking
from chat.turns.engines import engine
from chat.turns.relays import directory

KEYS_NAMESPACE = UUID("6c1f2f6e-1c0e-4f0b-9d5f-3a2f0f6f1a77")
LONGEST_KEY = 255
KEY_ENDED = "The API key was revoked while the answer was written. What had come was charged."


class Question:
    """One answer that a program asks for. Call `begin`, then follow `asking`, and `asking.leave` in
    any case; `asking.abandon` when whoever asked has gone meanwhile."""

    def __init__(self, principal: Principal, body: bytes | str, key: str | None = None) -> None:
        """`key` is the request's Idempotency-Key. Raises ProgramError for what cannot be asked."""
        require_asking(principal)
        self.principal = principal
        self.asked: Asked = read_request(body)
        self.created = int(time.time())
        self.asking = Asking(engine(), principal)
        self.admitted: Admitted | None = None
        raw = body.encode() if isinstance(body, str) else body
        self._sha256 = hashlib.sha256(raw).hexdigest()
        self._is_new = key is None
        self._client_id = uuid4() if key is None else _id_of(principal, key)

    async def begin(self) -> Admitted:
        """Admit the turn, or find the one that was asked for with this key before.

        Raises ProgramError, ModelUnknown and other RelayErrors, Refused, PolicyRefusal and
        django.db.Error.
        """
        relays = directory()
        try:
            model = (await relays.route(self.asked.model)).model
        except ModelUnknown as error:
            near = [name for name in error.near_matches if allows_model(self.principal, name)]
            raise ModelUnknown(model=error.model, near_matches=tuple(near)) from None
        models = await relays.models()
        completion = Completion(
            client_id=self._client_id,
            model=model,
            asked_model=self.asked.model,
            prompt=tuple(
                PromptMessage(each.role, each.content, each.wire, each.images)
                for each in self.asked.prompt
            ),
            payload_sha256=self._sha256,
            max_tokens=self.asked.max_tokens,
            options=self.asked.options,
            is_new=self._is_new,
        )
        self.admitted = await self.asking.begin(partial(self._store, completion, models))
        if self.admitted.created_at is not None:
            # The same answer, asked for again, is as old as it is.
            self.created = int(self.admitted.created_at.timestamp())
        return self.admitted

    async def _store(self, completion: Completion, models: Models) -> Admitted:
        store = engine().handovers.store
        try:
            return await store(partial(start_completion, self.principal, completion, models=models))
        except StaleRights:
            # They have changed since the key was looked at.
            principal = await cross(revalidate, self.principal)
            if principal is None:
                raise
            return await store(partial(start_completion, principal, completion, models=models))

    def writer(self) -> AnswerWriter:
        """What writes the answer's chunks."""
        assert self.admitted is not None
        return AnswerWriter(
            self.admitted.turn_id,
            self.asked.model,
            self.created,
            include_usage=self.asked.include_usage,
        )

    async def explain(self, error: Exception) -> ProgramError:
        """Return what is told of a failure; of an answer that was stopped because the key has
        ended, that."""
        told = explain(error)
        if told.code != "interrupted":
            return told
        try:
            if await cross(revalidate, self.principal) is not None:
                return told
        except DatabaseError:
            return told
        return ProgramError("invalid_api_key", KEY_ENDED, detail=told.detail)

    async def stop(self) -> None:
        """Interrupt the turn at once, if this very question began it."""
        if self.admitted is not None and self.admitted.created:
            await self.asking.interrupt()


def require_asking(principal: Principal) -> None:
    """Raise PolicyRefusal for whoever may not ask models."""
    require(principal, Capability.SEND_MESSAGE, principal.team_id)


def checked_key(text: str | None) -> str | None:
    """Return an Idempotency-Key as it counts; raises ProgramError for one that is none."""
    if text is None:
        return None
    if not 1 <= len(text) <= LONGEST_KEY or not all("!" <= each <= "~" for each in text):
        raise ProgramError(
            "bad_frame",
            f"An Idempotency-Key has 1 to {LONGEST_KEY} visible ASCII characters.",
            param="Idempotency-Key",
        )
    return text


def _id_of(principal: Principal, key: str) -> UUID:
    return uuid5(KEYS_NAMESPACE, f"{principal.api_key_id}:{key}")
