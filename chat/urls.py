"""The addresses of the chat's pages, doors and probes."""

from django.urls import path

from chat import views
from chat.api import api

urlpatterns = [
    path("", views.new_chat, name="new_chat"),
    path("c/<uuid:conversation_id>/", views.conversation, name="conversation"),
    path("batches/", views.batches, name="batches"),
    path("batches/<uuid:batch_id>/", views.batch, name="batch"),
    path("batches/<uuid:batch_id>/stop/", views.batch_stop, name="batch_stop"),
    path("batches/<uuid:batch_id>/resume/", views.batch_resume, name="batch_resume"),
    path("batches/<uuid:batch_id>/delete/", views.batch_delete, name="batch_delete"),
    path("batches/<uuid:batch_id>/<int:number>/", views.batch_line, name="batch_line"),
    path("keys/", views.keys, name="keys"),
    path("keys/new/", views.new_key, name="new_key"),
    path("keys/team/<uuid:team_id>/", views.team_keys, name="team_keys"),
    path("keys/<int:key_id>/budget/", views.key_budget, name="key_budget"),
    path("keys/<int:key_id>/revoke/", views.key_revoke, name="key_revoke"),
    path("api/docs/", views.doors, name="doors"),
    path("api/openapi.json", views.openapi, name="openapi"),
    path("api/", api.urls),
    path("health", views.health, name="health"),
    path("ready", views.ready, name="ready"),
    path("metrics", views.metrics, name="metrics"),
]
