"""Columns of the CSV files. `billing.admin.exports.SafeCSV` neutralises formulas in them."""

from import_export import fields, resources

from billing.admin.exports import Usd
from chat.models import Batch, Conversation, Turn


class TurnResource(resources.ModelResource):  # type: ignore[misc]
    """Turns."""

    team = fields.Field(attribute="team__name", column_name="team")
    person = fields.Field(attribute="requester__username", column_name="person")
    conversation_title = fields.Field(attribute="conversation__title")
    cost_usd = Usd("cost_nano_usd", "cost_usd")
    hold_usd = Usd("hold_nano_usd", "hold_usd")

    class Meta:
        """Columns in order."""

        model = Turn
        fields = export_order = (
            "id",
            "created_at",
            "ended_at",
            "state",
            "team",
            "person",
            "conversation",
            "conversation_title",
            "model",
            "route",
            "prompt_tokens",
            "completion_tokens",
            "cached_tokens",
            "reasoning_tokens",
            "cost_usd",
            "hold_usd",
            "quality",
            "finish_reason",
            "error_code",
            "error_message",
            "anomaly",
            "ttft_ms",
            "total_ms",
        )


class ConversationResource(resources.ModelResource):  # type: ignore[misc]
    """Conversations without their messages."""

    team = fields.Field(attribute="team__name", column_name="team")
    owner = fields.Field(attribute="owner__username", column_name="begun_by")

    class Meta:
        """Columns in order."""

        model = Conversation
        fields = export_order = (
            "id",
            "title",
            "team",
            "owner",
            "model",
            "created_at",
            "updated_at",
            "archived_at",
            "deleted_at",
        )


class BatchResource(resources.ModelResource):  # type: ignore[misc]
    """Batches without their lines."""

    team = fields.Field(attribute="team__name", column_name="team")
    owner = fields.Field(attribute="owner__username", column_name="person")
    cost_usd = Usd("cost_nano_usd", "cost_usd")

    class Meta:
        """Columns in order."""

        model = Batch
        fields = export_order = (
            "id",
            "name",
            "created_at",
            "ended_at",
            "state",
            "stop_code",
            "team",
            "owner",
            "concurrency",
            "lines_total",
            "lines_answered",
            "lines_failed",
            "prompt_tokens",
            "completion_tokens",
            "cost_usd",
        )
