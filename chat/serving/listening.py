"""Listening sockets: bound once, and handed to whoever accepts from them."""

import errno
import socket
import sys
from dataclasses import dataclass

BACKLOG = 1024
"""Connections that may wait to be accepted, as far as the system allows: while one worker takes
over from another they wait here, and none is refused."""


class CannotListen(Exception):
    """Nobody can listen at this address; the message says why in one line."""

    code = "cannot_listen"


@dataclass(frozen=True, slots=True)
class Door:
    """A listening socket. `probes_only`: it answers /ready, /health and /metrics alone."""

    socket: socket.socket
    probes_only: bool = False

    @property
    def address(self) -> tuple[str, int]:
        """Host and port; the port is the real one where any free one was asked for."""
        host, port = self.socket.getsockname()[:2]
        return str(host), int(port)


def listen(host: str, port: int, *, probes_only: bool = False) -> Door:
    """Bind `host` and `port` (0: any free one) and listen. Raises CannotListen."""
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        try:
            if sys.platform != "win32":
                # A port just left counts as free. (On Windows a taken one would, too.)
                listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(address)
            listener.listen(BACKLOG)
            listener.setblocking(False)
        except BaseException:
            listener.close()
            raise
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            reason = f"port {port} is taken by another program; choose another with PORT"
        else:
            reason = f"cannot listen on {host} port {port}: {error.strerror}"
        raise CannotListen(reason) from None
    return Door(listener, probes_only)


def inherit(descriptor: int, *, probes_only: bool = False) -> Door:
    """Take a listening socket over from the parent, by its descriptor."""
    listener = socket.socket(fileno=descriptor)
    # Blocking belongs to the description, which all workers share; Python only remembers it.
    listener.setblocking(False)
    return Door(listener, probes_only)


def shown(host: str, port: int) -> str:
    """The address as people and clients write it."""
    place = f"[{host}]" if ":" in host else host
    return f"http://{place}:{port}"
