"""Which relays' bills have confirmed their part of a turn that paid several."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("billing", "0008_usage_by_route_and_conversation")]

    operations = [
        migrations.CreateModel(
            name="ReconciledPart",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("subject", models.CharField(max_length=80)),
                ("relay", models.CharField(max_length=100)),
                (
                    "run",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="parts",
                        to="billing.reconciliationrun",
                    ),
                ),
            ],
        ),
        migrations.AddConstraint(
            model_name="reconciledpart",
            constraint=models.UniqueConstraint(
                fields=("subject", "relay"), name="billing_reconciledpart_once"
            ),
        ),
    ]
