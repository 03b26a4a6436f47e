"""The language of the pages: as the browser asks, then as the person chose, everywhere."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.urls import reverse

from config.catalogues.files import compile_all
from tests.people import PASSWORD, Cast

SIGN_IN = {"en": "Sign in", "vi": "Đăng nhập", "zh-Hans": "登录"}
TITLE = re.compile(r"<h1>(.*?)</h1>")
TAG = re.compile(r'<html lang="(.*?)"')


@pytest.fixture(scope="module", autouse=True)
def _compiled() -> None:
    compile_all()


def language_of(answer: Any) -> tuple[str, str]:
    text = answer.content.decode()
    return TAG.findall(text)[0], TITLE.findall(text)[0]


def choose(client: Client, code: str) -> Any:
    return client.post("/i18n/setlang/", {"language": code, "next": "/accounts/login/"})


@pytest.mark.parametrize(
    ("asked", "tag"),
    [
        ("vi", "vi"),
        ("vi-VN,vi;q=0.9,en;q=0.8", "vi"),
        ("zh-CN,zh;q=0.9", "zh-Hans"),
        ("zh-Hans", "zh-Hans"),
        ("fr,en;q=0.5", "en"),
        ("de", "en"),
    ],
)
def test_a_stranger_reads_what_the_browser_asks_for(people: Cast, asked: str, tag: str) -> None:
    answer = Client(headers={"accept-language": asked}).get(reverse("account_login"))
    assert language_of(answer) == (tag, SIGN_IN[tag])


def test_a_choice_outweighs_the_browser_and_stays(people: Cast) -> None:
    client = Client(headers={"accept-language": "vi"})
    answer = choose(client, "zh-hans")
    assert (answer.status_code, answer["Location"]) == (302, "/accounts/login/")
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME]["max-age"] > 3600 * 24 * 300
    assert language_of(client.get(reverse("account_login")))[0] == "zh-Hans"


def test_a_choice_goes_with_the_person_to_another_browser(people: Cast) -> None:
    here = Client()
    here.force_login(people.bob)
    choose(here, "vi")
    there = Client(headers={"accept-language": "en"})
    there.post(reverse("account_login"), {"login": "bob", "password": PASSWORD})
    assert language_of(there.get(reverse("account_logout"))) == ("vi", "Đăng xuất")


def test_another_person_is_not_touched_by_it(people: Cast) -> None:
    here = Client()
    here.force_login(people.bob)
    choose(here, "vi")
    there = Client()
    there.post(reverse("account_login"), {"login": "dana", "password": PASSWORD})
    assert language_of(there.get(reverse("account_logout")))[0] == "en"


def test_signing_in_without_a_stored_choice_keeps_the_one_of_the_browser(people: Cast) -> None:
    client = Client()
    choose(client, "vi")
    client.post(reverse("account_login"), {"login": "bob", "password": PASSWORD})
    assert language_of(client.get(reverse("account_logout")))[0] == "vi"


@pytest.mark.parametrize("code", ["fr", "", "xx-nonsense", "../../etc"])
def test_a_language_that_tram_does_not_speak_changes_nothing(people: Cast, code: str) -> None:
    client = Client()
    client.force_login(people.bob)
    choose(client, "vi")
    assert choose(client, code).status_code == 400
    people.bob.refresh_from_db()
    assert people.bob.language == "vi"
    assert language_of(client.get(reverse("account_logout")))[0] == "vi"


def test_a_stored_language_that_is_spoken_no_more_is_passed_over(people: Cast) -> None:
    type(people.bob).objects.filter(pk=people.bob.pk).update(language="tlh")
    client = Client()
    client.post(reverse("account_login"), {"login": "bob", "password": PASSWORD})
    assert settings.LANGUAGE_COOKIE_NAME not in client.cookies


def test_looking_at_the_address_chooses_nothing(people: Cast) -> None:
    assert Client().get("/i18n/setlang/?language=vi").status_code == 405


@pytest.mark.parametrize(
    ("code", "subject"), [("vi", "Chọn mật khẩu mới"), ("zh-hans", "设置新密码")]
)
def test_mail_is_written_in_the_language_of_who_asked_for_it(
    people: Cast, code: str, subject: str
) -> None:
    client = Client()
    choose(client, code)
    client.post(reverse("account_reset_password"), {"email": "bob@example.com"})
    assert mail.outbox[0].subject == f"[Tram] {subject}"
    assert "Somebody" not in mail.outbox[0].body
    assert "/accounts/password/reset/key/" in mail.outbox[0].body
