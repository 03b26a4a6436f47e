"""Making a batch: its lines are read, and stored as they will be asked."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Literal
from uuid import UUID, uuid4

import msgspec
from django.conf import settings
from django.db import IntegrityError, transaction
from django.db.models.functions import Now

from accounts.models import User
from accounts.policy import Principal, require
from accounts.roles import Capability
from chat.completions import ProgramError
from chat.completions.batches import (
    BatchRequest,
    Defaults,
    check_defaults,
    read_lines,
    text_lines,
)
from chat.models import Batch, BatchLine, BatchState, LineState
from chat.services.errors import ContentInvalid, IdempotencyMismatch, TooManyTurns

ROWS_AT_ONCE = 500
MOST_NAME_CHARACTERS = 200
Form = Literal["jsonl", "text"]


@dataclass(frozen=True, slots=True)
class NewBatch:
    """What somebody wants answered: the content of a file, or a list of prompts.

    In the form `jsonl` each line is one of the forms of chat.completions.batches, in `text` a
    prompt. `options` hold for lines that do not say otherwise: fields of a request, and `system`.
    No `concurrency` means that of the settings.
    """

    content: bytes = b""
    form: Form = "jsonl"
    prompts: tuple[Any, ...] = ()
    name: str = ""
    model: str = ""
    options: dict[str, Any] = field(default_factory=dict)
    concurrency: int | None = None
    client_id: UUID = field(default_factory=uuid4)

    @property
    def sha256(self) -> str:
        """Hash of all but the id: the same id must bring the same hash."""
        said = [self.form, self.prompts, self.name, self.model, self.options, self.concurrency]
        told = hashlib.sha256(msgspec.json.encode(said, order="sorted"))
        told.update(self.content)
        return told.hexdigest()


@dataclass(frozen=True, slots=True)
class Made:
    """A stored batch. `created` is false when the same send came before."""

    batch_id: UUID
    created: bool


def make_batch(principal: Principal, wanted: NewBatch) -> Made:
    """Store a batch, which then runs by itself. The same send again gives the same batch.

    A line that cannot be asked fails at once; the others are answered.

    Raises:
        NotVisible, Forbidden: who may not send cannot make one.
        ContentInvalid: it is empty, too large, not UTF-8, or what holds for all lines is wrong;
            its detail has the `path`.
        IdempotencyMismatch: the id was used for something else.
        TooManyTurns: as many batches of this person run as may.
    """
    require(principal, Capability.SEND_MESSAGE, principal.team_id)
    payload_sha256 = wanted.sha256
    earlier = _earlier(principal, wanted, payload_sha256)
    if earlier is not None:
        return earlier
    lines = read_batch(wanted)
    try:
        with transaction.atomic():
            return _store(principal, wanted, lines, payload_sha256)
    except (IntegrityError, TooManyTurns):
        # The same send arrived twice at once and the other one was first.
        earlier = _earlier(principal, wanted, payload_sha256)
        if earlier is None:
            raise
        return earlier


def _earlier(principal: Principal, wanted: NewBatch, payload_sha256: str) -> Made | None:
    sent = Batch.objects.filter(owner_id=principal.user_id, client_id=wanted.client_id).first()
    if sent is None:
        return None
    require(principal, Capability.SEND_MESSAGE, sent.team_id)
    if sent.payload_sha256 != payload_sha256 or sent.deleted_at is not None:
        raise IdempotencyMismatch
    return Made(sent.id, created=False)


def read_batch(wanted: NewBatch) -> list[BatchRequest]:
    """Read the lines as they will be asked; those that cannot be say why. Nothing is stored.

    Raises ContentInvalid as `make_batch` does.
    """
    limits = settings.BATCHES
    _check(wanted)
    options = dict(wanted.options)
    defaults = Defaults(wanted.model, options.pop("system", None) or "", options)
    try:
        check_defaults(defaults)
        lines = _numbered(wanted)
        if len(lines) > limits.max_lines:
            raise ContentInvalid(
                f"The batch has {len(lines)} lines; at most {limits.max_lines} are allowed. Make "
                "several of it.",
                path="$",
                limit_lines=limits.max_lines,
            )
        # A prompt of a list is read as a line of JSON would be.
        is_json = bool(wanted.prompts) or wanted.form == "jsonl"
        max_line_bytes = limits.max_line_bytes
        read = list(read_lines(lines, defaults, max_line_bytes=max_line_bytes, json=is_json))
    except ProgramError as error:
        raise ContentInvalid(error.message, path=error.param or "$") from None
    if not read:
        raise ContentInvalid("The batch has no lines. Write one prompt in each.", path="$")
    return read


def _numbered(wanted: NewBatch) -> list[tuple[int, str]]:
    if wanted.content:
        return list(text_lines(wanted.content))
    return [
        (number, msgspec.json.encode(prompt).decode())
        for number, prompt in enumerate(wanted.prompts, start=1)
    ]


def _check(wanted: NewBatch) -> None:
    limits = settings.BATCHES
    size_bytes = len(wanted.content) or len(msgspec.json.encode(wanted.prompts))
    if size_bytes > limits.max_bytes:
        raise ContentInvalid(
            f"The batch has {size_bytes} bytes; at most {limits.max_bytes} are allowed. "
            "Make several of it.",
            path="$",
            limit_bytes=limits.max_bytes,
        )
    if wanted.concurrency is not None and not 1 <= wanted.concurrency <= limits.max_concurrency:
        raise ContentInvalid(
            f"From 1 to {limits.max_concurrency} answers at a time can be asked for.",
            path="$.concurrency",
            limit_concurrency=limits.max_concurrency,
        )
    check_name(wanted.name)
    if not isinstance(wanted.options.get("system") or "", str):
        raise ContentInvalid("The instruction to the model is a text.", path="$.options.system")


def check_name(name: str) -> None:
    """Raise ContentInvalid for a name that no batch can have."""
    if len(name) > MOST_NAME_CHARACTERS or "\x00" in name:
        raise ContentInvalid(
            f"A name has at most {MOST_NAME_CHARACTERS} characters.", path="$.name"
        )


def _store(
    principal: Principal, wanted: NewBatch, lines: list[BatchRequest], payload_sha256: str
) -> Made:
    check_running(principal)
    failed = sum(bool(line.error_code) for line in lines)
    over = failed == len(lines)
    batch = Batch.objects.create(
        team_id=principal.team_id,
        owner_id=principal.user_id,
        api_key_id=principal.api_key_id,
        name=wanted.name.strip(),
        client_id=wanted.client_id,
        payload_sha256=payload_sha256,
        model=wanted.model,
        state=BatchState.FINISHED if over else BatchState.RUNNING,
        concurrency=min(
            wanted.concurrency or settings.BATCHES.concurrency, settings.BATCHES.max_concurrency
        ),
        lines_total=len(lines),
        lines_failed=failed,
        running_since=None if over else Now(),
        ended_at=Now() if over else None,
    )
    rows = (
        BatchLine(
            batch=batch,
            number=line.number,
            custom_id=line.custom_id,
            body=line.body,
            state=LineState.FAILED if line.error_code else LineState.WAITING,
            error_code=line.error_code,
            error_message=line.error_message,
            ended_at=Now() if line.error_code else None,
        )
        for line in lines
    )
    BatchLine.objects.bulk_create(rows, batch_size=ROWS_AT_ONCE)
    return Made(batch.id, created=True)


def check_running(principal: Principal) -> None:
    """Raise TooManyTurns while as many batches of this person run as may. Two that begin at once
    are counted one after the other: call it within their transactions."""
    list(User.objects.select_for_update(no_key=True).filter(pk=principal.user_id).values("pk"))
    limit = settings.BATCHES.max_running_per_person
    own = Batch.objects.filter(
        owner_id=principal.user_id, state=BatchState.RUNNING, deleted_at=None
    )
    if own.count() >= limit:
        raise TooManyTurns(
            f"{limit} batches of yours run already. Wait for one to end, or stop one.",
            limit="running_batches",
            maximum=limit,
        )
