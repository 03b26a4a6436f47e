"""What an attempt's reasoning and images were, so that each one's part of a cost is known."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("chat", "0008_settlements_name_their_relay")]

    operations = [
        migrations.AddField(
            model_name="attempt",
            name="reasoning_tokens",
            field=models.PositiveIntegerField(
                blank=True, null=True, verbose_name="reasoning tokens"
            ),
        ),
        migrations.AddField(
            model_name="attempt",
            name="images",
            field=models.PositiveIntegerField(default=0, verbose_name="images"),
        ),
    ]
