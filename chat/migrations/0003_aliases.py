"""The other names for models that the relay's documents use; administrators may change them."""

from typing import Any

from django.db import migrations

ALIASES = {
    "gpt-4": "gpt-4.1",
    "claude-3-opus": "claude-opus-4",
    "claude-3-sonnet": "claude-sonnet-4.5",
    "gemini-pro": "gemini-1.5-pro",
    "gemini-pro-1.5": "gemini-2.5-flash",
    "deepseek-chat": "deepseek-v3.2",
}


def add_aliases(apps: Any, schema_editor: Any) -> None:
    """Add those that are not there yet."""
    rows = apps.get_model("chat", "ModelAlias").objects.using(schema_editor.connection.alias)
    for alias, model in ALIASES.items():
        rows.get_or_create(alias=alias, defaults={"model": model})


class Migration(migrations.Migration):
    """Data of the table of 0002."""

    dependencies = [("chat", "0002_relays")]
    operations = [migrations.RunPython(add_aliases, migrations.RunPython.noop)]
