"""Addresses of the pages about one's own account."""

from django.urls import include, path

from accounts.views import LoginView, SignupView

urlpatterns = [
    # Before allauth's own, which have the same paths and names.
    path("login/", LoginView.as_view(), name="account_login"),
    path("signup/", SignupView.as_view(), name="account_signup"),
    path("", include("allauth.urls")),
]
