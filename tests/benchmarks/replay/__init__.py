"""A replay of many made-up turns through billing, tied out against a reckoning of its own."""
