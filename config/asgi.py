"""The ASGI application: pages and doors over HTTP, and the browser socket."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Sets Django up: the consumer may be imported only after it.
pages = get_asgi_application()

from chat.consumers import ChatConsumer  # noqa: E402
from chat.openai import OpenAIDoors  # noqa: E402

# The stubs know views alone, which a consumer is not.
socket_door: Any = path("ws/chat/", ChatConsumer.as_asgi())  # type: ignore[arg-type]
application = ProtocolTypeRouter(
    {"http": OpenAIDoors(pages), "websocket": URLRouter([socket_door])}
)
