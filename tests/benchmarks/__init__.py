"""Measures the product against its goals: `make bench`. Nothing here is collected by pytest."""
