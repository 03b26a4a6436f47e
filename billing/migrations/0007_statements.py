"""Totals of usage, exchange rates, and settlements that have the moment of their transfers."""

import django.db.models.deletion
import django.db.models.functions.datetime
from django.conf import settings
from django.db import migrations, models

from billing.guards import create_guards

RELEASE = """
SELECT created_at FROM billing_transfer WHERE kind = 'release' AND pending_id =
    (SELECT transfer_id FROM billing_hold WHERE billing_hold.id = billing_settlement.hold_id)
"""


def forwards(_apps, schema_editor):
    # A turn at midnight would else be of one day by its settlement, of another by its transfers.
    schema_editor.execute(
        f"UPDATE billing_settlement SET created_at = ({RELEASE}) "  # noqa: S608 - constants
        f"WHERE EXISTS ({RELEASE})"
    )
    create_guards(schema_editor.connection)


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_audit_guards"),
        ("billing", "0006_reconciliation"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name="ExchangeRate",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "currency",
                    models.CharField(
                        choices=[("CNY", "CNY, Chinese yuan"), ("VND", "VND, Vietnamese dong")],
                        max_length=3,
                        verbose_name="currency",
                    ),
                ),
                ("micro_units_per_usd", models.BigIntegerField(verbose_name="for USD 1")),
                ("starts_at", models.DateTimeField(verbose_name="starts")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(),
                        editable=False,
                        verbose_name="created",
                    ),
                ),
            ],
            options={
                "verbose_name": "exchange rate",
                "verbose_name_plural": "exchange rates",
                "ordering": ("currency", "-starts_at", "-id"),
            },
        ),
        migrations.CreateModel(
            name="UsageFold",
            fields=[
                ("zone", models.CharField(max_length=64, primary_key=True, serialize=False)),
                ("settlement_id", models.BigIntegerField(default=0)),
                ("transfer_id", models.BigIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="UsageTotal",
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
            ],
        ),
        migrations.AddIndex(
            model_name="settlement",
            index=models.Index(fields=["created_at"], name="billing_usage_by_moment"),
        ),
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                condition=models.Q(("kind__in", ("grant", "adjustment", "correction"))),
                fields=["team", "created_at"],
                name="billing_transfer_booked",
            ),
        ),
        migrations.AddField(
            model_name="exchangerate",
            name="created_by",
            field=models.ForeignKey(
                blank=True,
                editable=False,
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to=settings.AUTH_USER_MODEL,
                verbose_name="set by",
            ),
        ),
        migrations.AddField(
            model_name="usagetotal",
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
            model_name="usagetotal",
            name="team",
            field=models.ForeignKey(
                on_delete=django.db.models.deletion.PROTECT,
                related_name="+",
                to="accounts.team",
                verbose_name="team",
            ),
        ),
        migrations.AddConstraint(
            model_name="exchangerate",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    ("micro_units_per_usd__gt", 0), ("micro_units_per_usd__lt", 10000000000000)
                ),
                name="billing_exchangerate_bounds",
            ),
        ),
        migrations.AddIndex(
            model_name="usagetotal",
            index=models.Index(fields=["zone", "team", "day"], name="billing_usagetotal_of_team"),
        ),
        migrations.AddIndex(
            model_name="usagetotal",
            index=models.Index(
                fields=["zone", "person", "day"], name="billing_usagetotal_of_person"
            ),
        ),
        migrations.AddConstraint(
            model_name="usagetotal",
            constraint=models.UniqueConstraint(
                fields=("zone", "day", "team", "person", "model"), name="billing_usagetotal_once"
            ),
        ),
        migrations.RunPython(forwards, migrations.RunPython.noop),
    ]
