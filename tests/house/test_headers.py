"""Headers and cookies of the site, over loopback http and behind a proxy with https."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest

from tests.servers import DEMO_PASSWORD, TramServer

PAGES = ["/accounts/login/", "/admin/login/", "/static/admin/css/base.css", "/no/such/page"]


@pytest.fixture(scope="module")
def site(server_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TramServer]:
    with TramServer(tmp_path_factory.mktemp("site"), server_template, relay=False) as server:
        yield server


@pytest.fixture(scope="module")
def secure_site(
    server_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TramServer]:
    env = {"HTTPS": "true", "BEHIND_PROXY": "true", "ALLOWED_HOSTS": "chat.example"}
    folder = tmp_path_factory.mktemp("secure")
    with TramServer(folder, server_template, env, relay=False) as server:
        yield server


def policy_of(answer: httpx.Response) -> dict[str, str]:
    parts = answer.headers["Content-Security-Policy"].split(";")
    named = (part.strip().partition(" ") for part in parts if part.strip())
    return {name: value for name, _, value in named}


@pytest.mark.parametrize("page", PAGES)
def test_every_answer_has_the_headers(site: TramServer, page: str) -> None:
    headers = httpx.get(site.url + page).headers
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert headers["Referrer-Policy"] == "same-origin"
    assert "camera=()" in headers["Permissions-Policy"]
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("door", ["/api/me", "/api/conversations", "/health", "/ready"])
def test_doors_and_probes_are_never_stored(site: TramServer, door: str) -> None:
    assert httpx.get(site.url + door).headers["Cache-Control"] == "no-store"


@pytest.mark.parametrize("page", PAGES)
def test_every_policy_is_strict(site: TramServer, page: str) -> None:
    policy = policy_of(httpx.get(site.url + page))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == policy["style-src"] == policy["connect-src"] == "'self'"
    assert policy["img-src"] == "'self' data: blob:"
    assert policy["frame-ancestors"] == policy["base-uri"] == policy["object-src"] == "'none'"
    assert policy["form-action"] == "'self'"


def test_trusted_types_are_required_everywhere_but_in_the_admin(site: TramServer) -> None:
    page = policy_of(httpx.get(site.url + "/accounts/login/"))
    assert page["require-trusted-types-for"] == "'script'"
    assert page["trusted-types"] == "default dompurify tram"
    assert "trusted-types" not in policy_of(httpx.get(site.url + "/admin/login/"))


def test_a_person_signs_in_over_loopback_http(site: TramServer) -> None:
    with closing(site.sign_in("alice")) as client:
        assert "tram-session" in client.cookies


def test_a_form_without_its_token_is_refused(site: TramServer) -> None:
    form = {"login": "alice", "password": DEMO_PASSWORD}
    assert httpx.post(site.url + "/accounts/login/", data=form).status_code == 403


def test_http_is_sent_to_https(secure_site: TramServer) -> None:
    answer = httpx.get(secure_site.url + "/accounts/login/", headers={"Host": "chat.example"})
    assert answer.status_code == 301
    assert answer.headers["Location"] == "https://chat.example/accounts/login/"


def test_a_person_signs_in_over_https_with_host_cookies(secure_site: TramServer) -> None:
    headers = {"Host": "chat.example", "X-Forwarded-Proto": "https", "X-Forwarded-For": "192.0.2.7"}
    page = httpx.get(secure_site.url + "/accounts/login/", headers=headers)
    assert page.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    token = page.cookies["__Host-tram-csrf"]
    form = {"login": "alice", "password": DEMO_PASSWORD, "csrfmiddlewaretoken": token}
    sent = headers | {"Origin": "https://chat.example", "Cookie": f"__Host-tram-csrf={token}"}
    answer = httpx.post(secure_site.url + "/accounts/login/", data=form, headers=sent)
    assert answer.status_code == 302
    session = next(
        cookie
        for cookie in answer.headers.get_list("Set-Cookie")
        if cookie.startswith("__Host-tram-session=")
    )
    for attribute in ("HttpOnly", "Secure", "Path=/", "SameSite=Lax"):
        assert attribute in session
    assert "Domain" not in session


def test_a_form_from_another_origin_is_refused(secure_site: TramServer) -> None:
    headers = {"Host": "chat.example", "X-Forwarded-Proto": "https"}
    page = httpx.get(secure_site.url + "/accounts/login/", headers=headers)
    token = page.cookies["__Host-tram-csrf"]
    form = {"login": "alice", "password": DEMO_PASSWORD, "csrfmiddlewaretoken": token}
    sent = headers | {"Origin": "https://evil.example", "Cookie": f"__Host-tram-csrf={token}"}
    answer = httpx.post(secure_site.url + "/accounts/login/", data=form, headers=sent)
    assert answer.status_code == 403
