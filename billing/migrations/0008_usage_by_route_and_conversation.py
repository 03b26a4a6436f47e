"""Usage is told by relay and by conversation too. Its totals are made anew."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from billing.guards import create_guards

CONVERSATION = """
SELECT conversation_id FROM billing_hold WHERE billing_hold.id = billing_settlement.hold_id
"""


def forwards(_apps, schema_editor):
    # Holds of the first versions name none: of these the turns tell, in a migration of theirs.
    schema_editor.execute(
        f"UPDATE billing_settlement SET conversation_id = ({CONVERSATION})"  # noqa: S608 - constant
    )
    # Nobody is to read the sums of before as those of no conversation: pages fold anew.
    schema_editor.execute("DELETE FROM billing_usagetotal")
    schema_editor.execute("DELETE FROM billing_usagefold")
    create_guards(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_audit_guards"),
        ("billing", "0007_statements"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ConversationTotal",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("zone", models.CharField(max_length=64)),
                ("day", models.DateField(verbose_name="day")),
                ("model", models.CharField(max_length=200, verbose_name="model")),
                ("route", models.CharField(default="", max_length=100, verbose_name="relay")),
                ("turns", models.BigIntegerField(default=0)),
                ("failures", models.BigIntegerField(default=0)),
                ("tokens_in", models.BigIntegerField(default=0)),
                ("tokens_out", models.BigIntegerField(default=0)),
                ("tokens_cached", models.BigIntegerField(default=0)),
                ("tokens_of_reasoning", models.BigIntegerField(default=0)),
                ("cost_nano_usd", models.BigIntegerField(default=0)),
                ("corrected_nano_usd", models.BigIntegerField(default=0)),
                ("relay_cost_nano_usd", models.BigIntegerField(default=0)),
                ("official_nano_usd", models.BigIntegerField(default=0)),
                ("paid_where_official_nano_usd", models.BigIntegerField(default=0)),
                ("conversation_id", models.UUIDField(null=True)),
            ],
        ),
        migrations.RemoveConstraint(
            model_name="usagetotal",
            name="billing_usagetotal_once",
        ),
        migrations.AddField(
            model_name="settlement",
            name="conversation_id",
            field=models.UUIDField(blank=True, null=True, verbose_name="conversation"),
        ),
        migrations.AddField(
            model_name="settlement",
            name="route",
            field=models.CharField(blank=True, default="", max_length=100, verbose_name="relay"),
        ),
        migrations.AddField(
            model_name="usagetotal",
            name="route",
            field=models.CharField(default="", max_length=100, verbose_name="relay"),
        ),
        migrations.AddConstraint(
            model_name="usagetotal",
            constraint=models.UniqueConstraint(
                fields=("zone", "day", "team", "person", "model", "route"),
                name="billing_usagetotal_once",
            ),
        ),
        migrations.AddField(
            model_name="conversationtotal",
            name="person",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="person",
            ),
        ),
        migrations.AddField(
            model_name="conversationtotal",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AddIndex(
            model_name="conversationtotal",
            index=models.Index(fields=["zone", "team", "day"], name="billing_talktotal_of_team"),
        ),
        migrations.AddIndex(
            model_name="conversationtotal",
            index=models.Index(
                fields=["zone", "person", "day"], name="billing_talktotal_of_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="conversationtotal",
            constraint=models.UniqueConstraint(
                fields=("zone", "day", "team", "person", "model", "route", "conversation_id"),
                name="billing_conversationtotal_once",
            ),
        ),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
