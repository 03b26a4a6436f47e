"""The ASGI application: pages and doors over HTTP, the browser socket, and that of programs."""

import os
from typing import Any

from channels.routing import ProtocolTypeRouter, URLRouter
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.urls import path

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
# Sets Django up: the consumer may be imported only after it.
pages = get_asgi_application()

from chat.consumers import ChatConsumer  # noqa: E402
from chat.openai import OpenAIDoors  # noqa: E402
from chat.openai.cors import CrossOrigin  # noqa: E402
from chat.openai.socket import completion_socket  # noqa: E402
from chat.streams import StreamDoor  # noqa: E402

# The stubs know views alone, which these are not.
browser_door: Any = path("ws/chat/", ChatConsumer.as_asgi())  # type: ignore[arg-type]
program_door: Any = path("v1/chat/completions", completion_socket)  # type: ignore[arg-type]
doors = CrossOrigin(StreamDoor(OpenAIDoors(pages)), settings.CORS_ORIGINS)
application = ProtocolTypeRouter(
    {"http": doors, "websocket": URLRouter([browser_door, program_door])}
)
