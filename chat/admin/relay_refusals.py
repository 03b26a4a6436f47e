"""Why a relay's address is refused, in a person's language."""

from django.conf import settings
from django.utils.translation import gettext, gettext_noop

from chat.relay.address_guard import AddressRefused, PrivateRefused

# What the address guard says, named for the catalogues: the cellar knows no language.
REASONS = (
    gettext_noop("%(place)s is never a relay's address."),
    gettext_noop("%(place)s is in a private network that is not allowed."),
    gettext_noop("%(place)s is public: the key goes there only encrypted."),
    gettext_noop(
        "%(scheme)s:// would send the key in the clear: use %(scheme)ss://, "
        "or allow the private network that the relay is in."
    ),
    gettext_noop(
        "The relay's address holds a character that no address has; "
        "a name in another script is written in its xn-- form."
    ),
    gettext_noop("The relay's address is none."),
    gettext_noop("The relay's address must begin with %(schemes)s."),
    gettext_noop("The relay's address may not hold a name or password."),
    gettext_noop("The relay's address ends before any ? or #."),
    gettext_noop("The path of the relay's address is not plain."),
    gettext_noop("The port of the relay's address is wrong."),
    gettext_noop("The relay's IPv6 address is none."),
    gettext_noop("The relay's address has no usable host."),
    gettext_noop("Write the relay's IPv4 address as four decimal numbers."),
    gettext_noop("The relay's name leads to something that is no address."),
)


def told(refusal: AddressRefused) -> str:
    """The reason, and what to set where the address would be wanted all the same."""
    reason = gettext(refusal.reason)
    told = reason % refusal.shown if refusal.shown else reason
    if not isinstance(refusal, PrivateRefused):
        return told
    allowed = ", ".join(networks()) or gettext("none")
    way_out = gettext("Private networks allowed by RELAY_PRIVATE_NETWORKS: %(networks)s.")
    return f"{told} {way_out % {'networks': allowed}}"


def networks() -> tuple[str, ...]:
    """The private networks that relays may be in."""
    allowed: tuple[str, ...] = settings.RELAY_PRIVATE_NETWORKS
    return allowed
