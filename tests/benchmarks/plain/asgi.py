"""The plain consumer's project."""

import os
from typing import Any

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tests.benchmarks.plain.settings")
http = get_asgi_application()

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import path  # noqa: E402

from tests.benchmarks.plain.consumer import PlainConsumer  # noqa: E402

consumer: Any = PlainConsumer.as_asgi()
routes: list[Any] = [path("ws/chat/", consumer)]
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(routes)})
