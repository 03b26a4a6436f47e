"""Vietnamese: 10.000.000, with the separators that Django has."""

NUMBER_GROUPING = 3
