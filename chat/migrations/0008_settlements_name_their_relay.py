"""Settlements of before learn the relay and the conversation of their turn.

Billing knows no turn, and holds of the first versions name no conversation.
"""

from django.db import migrations

SUBJECT = {
    "sqlite": "chat_turn.id = replace(substr(billing_settlement.subject, 6), '-', '')",
    "postgresql": "billing_settlement.subject = 'turn:' || chat_turn.id",
}
"""How a settlement finds its turn, by an index."""


def forwards(_apps, schema_editor):
    found = SUBJECT[schema_editor.connection.vendor]
    schema_editor.execute(
        "UPDATE billing_settlement SET route = chat_turn.route, "  # noqa: S608 - constants
        "conversation_id = COALESCE(billing_settlement.conversation_id, chat_turn.conversation_id) "
        f"FROM chat_turn WHERE billing_settlement.subject LIKE 'turn:%%' AND {found}",
        params=(),
    )
    # What was folded without them is folded anew, by the pages or by rebuildusage.
    for table in ("usagetotal", "conversationtotal", "usagefold"):
        schema_editor.execute(f"DELETE FROM billing_{table}")  # noqa: S608 - constants


class Migration(migrations.Migration):
    dependencies = [
        ("billing", "0008_usage_by_route_and_conversation"),
        ("chat", "0007_response_ids"),
    ]

    operations = [migrations.RunPython(forwards, migrations.RunPython.noop)]
