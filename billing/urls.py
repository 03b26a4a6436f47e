"""Addresses of the pages about a team's credit."""

from django.urls import path

from billing import views

urlpatterns = [
    path("", views.credit, name="credit"),
    path("<uuid:team_id>/", views.team_credit, name="team_credit"),
]
