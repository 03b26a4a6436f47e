"""The TLS context for relays."""

from __future__ import annotations

import os
import ssl
from functools import lru_cache

import httpx


def tls_context() -> ssl.SSLContext:
    """Return the context of this process: making one takes 20 ms, too long for each connection.

    It trusts certifi's authorities, or those that SSL_CERT_FILE and SSL_CERT_DIR name.
    """
    return _context(os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR"))


@lru_cache(maxsize=4)
def _context(_file: str | None, _directory: str | None) -> ssl.SSLContext:
    return httpx.create_ssl_context(trust_env=True)
