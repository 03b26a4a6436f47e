"""Reading what a page asks for: commands of the socket's protocol, and what it watched before."""

from typing import Annotated

import msgspec
from django.conf import settings
from msgspec import Meta, Struct

from chat.protocol import Attach, BadFrame, Command, decode_command

MOST_COMMANDS = 32


class Order(Struct, forbid_unknown_fields=True):
    """What to follow silently from the beginning, and then the commands, in order."""

    watch: tuple[msgspec.Raw, ...] = ()
    commands: Annotated[tuple[msgspec.Raw, ...], Meta(max_length=MOST_COMMANDS)] = ()


class _Tagged(Struct):
    type: str | None = None


def read_order(body: bytes) -> tuple[list[Attach], list[Command]]:
    """Return what is watched and what is asked. A body with a `type` is one command.

    Raises BadFrame with the path of the fault.
    """
    try:
        if msgspec.json.decode(body, type=_Tagged).type is not None:
            return [], [decode_command(body, settings.SOCKETS.max_frame_bytes)]
        order = msgspec.json.decode(body, type=Order)
    except msgspec.ValidationError as error:
        raise BadFrame(str(error)) from None
    except (msgspec.DecodeError, UnicodeError) as error:
        raise BadFrame(f"The body is not JSON: {error}") from None
    except RecursionError:
        raise BadFrame("The body is nested too deeply.") from None
    if len(order.watch) > settings.SOCKETS.max_watched_conversations:
        raise BadFrame("These are more conversations than one page may watch.", "$.watch")
    watch = [_at(f"watch[{number}]", raw) for number, raw in enumerate(order.watch)]
    for number, place in enumerate(watch):
        if not isinstance(place, Attach):
            raise BadFrame("Only `attach` is watched.", f"$.watch[{number}].type")
    commands = [_at(f"commands[{number}]", raw) for number, raw in enumerate(order.commands)]
    return [place for place in watch if isinstance(place, Attach)], commands


def _at(place: str, raw: msgspec.Raw) -> Command:
    try:
        return decode_command(bytes(raw), settings.SOCKETS.max_frame_bytes)
    except BadFrame as error:
        path = error.path.replace("$", f"$.{place}", 1)
        raise BadFrame(error.message, path, error.id) from None
