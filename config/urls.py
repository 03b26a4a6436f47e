"""The addresses of every page and door."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from accounts.languages import choose_language

urlpatterns: list[URLPattern | URLResolver] = [
    path("accounts/", include("accounts.urls")),
    path("credit/", include("billing.urls")),
    path("usage/", include("billing.usage_urls")),
    path("admin/", admin.site.urls),
    path("i18n/setlang/", choose_language, name="set_language"),
    path("", include("chat.urls")),
]
handler404 = "chat.views.page_not_found"
handler500 = "chat.views.server_error"
