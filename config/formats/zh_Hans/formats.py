"""Chinese: 10,000,000, as the page writes it too."""

THOUSAND_SEPARATOR = ","
NUMBER_GROUPING = 3
