"""What administrators say of models: other names for them, and settings of each."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeVar

from chat.models import ModelAlias, ModelSetting, ModelVisibility

T = TypeVar("T")


def _nothing() -> Mapping[str, T]:
    return MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ModelWord:
    """What is said of one model; empty or None where the relay's own word holds."""

    name: str = ""
    visibility: str = ModelVisibility.SHOWN.value
    vision: bool | None = None
    reasoning: bool | None = None
    context_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class ModelWords:
    """Aliases with the model each stands for, and by model what is said of it."""

    aliases: Mapping[str, str] = field(default_factory=_nothing)
    models: Mapping[str, ModelWord] = field(default_factory=_nothing)

    def of(self, model: str) -> ModelWord:
        """What is said of a model, also where that is nothing."""
        return self.models.get(model, SILENCE)

    @property
    def forbidden(self) -> frozenset[str]:
        """The models that are refused everywhere."""
        forbidden = ModelVisibility.FORBIDDEN
        return frozenset(name for name, word in self.models.items() if word.visibility == forbidden)


SILENCE = ModelWord()
NO_WORDS = ModelWords()


def model_words() -> ModelWords:
    """Read them."""
    return ModelWords(
        aliases=dict(ModelAlias.objects.values_list("alias", "model")),
        models={
            said.model: ModelWord(
                said.name, said.visibility, said.vision, said.reasoning, said.context_tokens
            )
            for said in ModelSetting.objects.all()
        },
    )
