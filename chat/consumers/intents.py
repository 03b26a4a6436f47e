"""What a command asks for, as an intent."""

from chat import protocol
from chat.services.intents import Intent

Starting = protocol.Chat | protocol.Regenerate | protocol.Edit | protocol.Continue


def intent_of(command: Starting, model: str | None) -> Intent:
    """The intent of a command; `model` is the one that its alias stands for."""
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
