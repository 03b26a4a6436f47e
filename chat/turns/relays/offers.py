"""What the relays offer, merged: a model that several relays offer is one offer."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from chat.models import ModelVisibility
from chat.queries.model_words import ModelWord, ModelWords
from chat.relay.catalog import Catalogue, CatalogueEntry
from chat.relay.client import RelayClient
from chat.services.intents import Models

SCRIPTED_RELAY = "demo"
"""Name of the demo relay among the embedded ones: its models are marked as scripted."""

Listed = Sequence[tuple[RelayClient, Catalogue]]


@dataclass(frozen=True, slots=True)
class Offer:
    """A model that relays offer. `relay_name` is the first that does, `relay_names` are all, each
    once. What it can do is None where neither relay nor administrator says."""

    model: str
    name: str
    relay_name: str
    scripted: bool
    relay_names: tuple[str, ...] = ()
    visibility: str = ModelVisibility.SHOWN.value
    context_tokens: int | None = None
    vision: bool | None = None
    reasoning: bool | None = None

    @property
    def shown(self) -> bool:
        """Whether people are offered it."""
        return self.visibility == ModelVisibility.SHOWN


@dataclass(frozen=True, slots=True)
class Offering:
    """All that the relays offer at one moment, in their order of preference, with what
    administrators say of it."""

    offers: Mapping[str, Offer]
    clients: Mapping[str, tuple[RelayClient, ...]]
    words: ModelWords
    # Made once: a relay may list thousands of models.
    known: Models

    def resolve(self, name: str) -> str:
        """Return the model that a name means: itself if a relay lists it, else what the aliases
        say. Raises ModelUnknown with near matches."""
        if name in self.offers:
            return name
        target = self.words.aliases.get(name, "")
        if target in self.offers:
            return target
        # Nobody is pointed at what is not for choosing.
        shown = (CatalogueEntry(each.model, each.name) for each in self.shown())
        return Catalogue(tuple(shown)).resolve(name)

    def shown(self) -> tuple[Offer, ...]:
        """The offers that people may choose."""
        return tuple(offer for offer in self.offers.values() if offer.shown)

    def default_model(self, configured: str) -> str:
        """The model of a new conversation: as configured, if it is offered and shown, else the
        first that is; empty where there is none."""
        wanted = self.offers.get(configured)
        if wanted is None:
            wanted = self.offers.get(self.words.aliases.get(configured, ""))
        if wanted is not None and wanted.shown:
            return wanted.model
        return next((offer.model for offer in self.offers.values() if offer.shown), "")

    def models(self, configured: str) -> Models:
        """What admission needs to know."""
        return replace(self.known, default=self.default_model(configured))


def merge(listed: Listed, words: ModelWords) -> Offering:
    """Join the lists of the relays; the first that offers a model names it."""
    offers: dict[str, Offer] = {}
    clients: dict[str, tuple[RelayClient, ...]] = {}
    for client, catalogue in listed:
        for entry in _allowed(catalogue.entries, client.settings.models):
            offer = _offer(client.settings.name, entry)
            known = offers.get(entry.id)
            offers[entry.id] = offer if known is None else _joined(known, offer)
            clients[entry.id] = (*clients.get(entry.id, ()), client)
    said = {model: _as_said(offer, words.of(model)) for model, offer in offers.items()}
    return Offering(said, clients, words, _known(said, words))


def _known(offers: Mapping[str, Offer], words: ModelWords) -> Models:
    return Models(
        context_tokens={o.model: o.context_tokens for o in offers.values() if o.context_tokens},
        relay_names={o.model: o.relay_name for o in offers.values()},
        aliases=words.aliases,
        offered=frozenset(offers),
        forbidden=words.forbidden,
    )


def _allowed(
    entries: Iterable[CatalogueEntry], patterns: tuple[str, ...]
) -> Iterable[CatalogueEntry]:
    if not patterns:
        return entries
    return (e for e in entries if any(fnmatchcase(e.id, pattern) for pattern in patterns))


def _offer(relay_name: str, entry: CatalogueEntry) -> Offer:
    can = entry.can
    return Offer(
        model=entry.id,
        name=entry.name,
        relay_name=relay_name,
        scripted=relay_name == SCRIPTED_RELAY,
        relay_names=(relay_name,),
        context_tokens=can.context_tokens,
        vision=can.vision,
        reasoning=can.reasoning,
    )


def _joined(first: Offer, other: Offer) -> Offer:
    """The first relay's words, and the other's where the first is silent. Any of them may answer:
    so the context is the smallest."""
    contexts = [n for n in (first.context_tokens, other.context_tokens) if n is not None]
    return replace(
        first,
        relay_names=tuple(dict.fromkeys((*first.relay_names, *other.relay_names))),
        context_tokens=min(contexts, default=None),
        vision=other.vision if first.vision is None else first.vision,
        reasoning=other.reasoning if first.reasoning is None else first.reasoning,
    )


def _as_said(offer: Offer, word: ModelWord) -> Offer:
    return replace(
        offer,
        name=word.name or offer.name,
        visibility=word.visibility,
        context_tokens=word.context_tokens or offer.context_tokens,
        vision=offer.vision if word.vision is None else word.vision,
        reasoning=offer.reasoning if word.reasoning is None else word.reasoning,
    )
