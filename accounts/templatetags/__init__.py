"""What the templates ask of accounts."""
