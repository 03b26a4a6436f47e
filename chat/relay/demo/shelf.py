"""What the demo relay offers at the moment: it drops models, and its list can be slow or fail."""

import msgspec

from chat.relay.demo.faults import FAULT_PREFIX, FAULTS
from chat.relay.demo.offering import MODELS, DemoModel, model_for

LONGEST_DELAY_SECONDS = 600.0


class Shelf(msgspec.Struct, forbid_unknown_fields=True):
    """`dropped` models are neither listed nor answered. `/models` answers after `delay_seconds`
    with `status`."""

    dropped: frozenset[str] = frozenset()
    delay_seconds: float = 0.0
    status: int = 200

    def model_for(self, name: str) -> DemoModel | None:
        """Find a model that is offered."""
        return None if name in self.dropped else model_for(name)

    def document(self, *, lists_faults: bool) -> dict[str, object]:
        """The document of `/models`."""
        listed = [_entry(model) for model in MODELS if model.id not in self.dropped]
        if lists_faults:
            listed += [
                _entry(DemoModel(FAULT_PREFIX + name, fault.summary))
                for name, fault in FAULTS.items()
                if FAULT_PREFIX + name not in self.dropped
            ]
        return {"object": "list", "data": listed}


def _entry(model: DemoModel) -> dict[str, object]:
    inputs = ["text", "image"] if model.sees else ["text"]
    said = {} if model.context_tokens is None else {"context_length": model.context_tokens}
    return {
        "id": model.id,
        "object": "model",
        "name": model.name,
        "owned_by": "demo",
        "scripted": True,
        "architecture": {"input_modalities": inputs},
        "supports_reasoning": model.reasons,
        **said,
    }
