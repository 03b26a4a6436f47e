"""Schemas of structs, as the description holds them."""

from typing import Any

import msgspec

TEMPLATE = "#/components/schemas/{name}"


def schemas_of(*kinds: type) -> dict[str, Any]:
    """Return the schemas of structs and of all that they are made of, by name."""
    _, schemas = msgspec.json.schema_components(
        dict.fromkeys(kinds), schema_hook=_anything, ref_template=TEMPLATE
    )
    for schema in schemas.values():
        schema.pop("title", None)
    return schemas


def _anything(kind: type) -> dict[str, Any]:
    """Raw JSON, which its own reader checks."""
    if kind is not msgspec.Raw:
        raise NotImplementedError(kind)
    return {}
