"""Serving: the listening sockets, Daphne on them with a drain, and several workers behind one port.

Nothing is imported here: the parent of the workers loads no event loop.
"""
