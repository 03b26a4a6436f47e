"""Forms and their fields for money: people write USD, the database keeps nano-USD."""

from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import NON_FIELD_ERRORS, ValidationError

from billing.errors import AmountInvalid
from billing.money import nano_to_usd, usd_to_nano


class UsdField(forms.CharField):
    """Reads "0.42" as 420,000,000 nano-USD, exactly or not at all; empty as None."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{"max_length": 30} | kwargs)

    def to_python(self, value: Any) -> Any:
        """The amount in nano-USD."""
        text = super().to_python(value)
        if not text:
            return None
        try:
            return usd_to_nano(text)
        except AmountInvalid as error:
            raise ValidationError(error.told(), code=error.code) from error

    def prepare_value(self, value: Any) -> Any:
        """The amount in USD, as a person writes it."""
        if isinstance(value, int):
            return format(nano_to_usd(value).normalize() + Decimal(0), "f")
        return value

    def validate(self, value: Any) -> None:
        """Required means given: zero is a price."""
        if self.required and value is None:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """The text's validators do not fit a number; the amount was checked when it was read."""


class SaidOnce:
    """A form of a model that says in `clean` what is wrong, in its own words.

    The table's constraints are checked all the same; their names are told only if nothing else was.
    """

    def _update_errors(self, errors: ValidationError) -> None:
        if self.errors:  # type: ignore[attr-defined]
            errors.error_dict.pop(NON_FIELD_ERRORS, None)
        super()._update_errors(errors)  # type: ignore[misc]
