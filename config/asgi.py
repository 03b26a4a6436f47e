"""The ASGI application: pages and doors over HTTP, and the browser socket."""

import os
from importlib.util import find_spec
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Sets Django up: the consumer may be imported only after it.
http = get_asgi_application()

socket_routes: list[Any] = []
if find_spec("chat.consumers"):
    from chat.consumers import ChatConsumer

    socket_routes = [path("ws/chat/", ChatConsumer.as_asgi())]
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(socket_routes)})
