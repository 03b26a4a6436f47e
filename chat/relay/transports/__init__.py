"""Transports: the ways an answer travels from a relay to here, all behind one seam (base.py)."""
