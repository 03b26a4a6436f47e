"""The addresses of the chat's pages, doors and probes."""

from django.urls import path

from chat import views
from chat.api import api

urlpatterns = [
    path("", views.new_chat, name="new_chat"),
    path("c/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("api/", api.urls),
    path("health", views.health, name="health"),
    path("ready", views.ready, name="ready"),
    path("metrics", views.metrics, name="metrics"),
]
