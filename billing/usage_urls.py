"""Addresses of the pages about usage."""

from django.urls import path

from billing import usage_views

urlpatterns = [
    path("", usage_views.my_usage, name="my_usage"),
    path("statement/", usage_views.statements, name="statements"),
    path("statement/<uuid:team_id>/", usage_views.team_statement, name="statement"),
    path(
        "statement/<uuid:team_id>/<slug:kind>/", usage_views.statement_file, name="statement_file"
    ),
]
