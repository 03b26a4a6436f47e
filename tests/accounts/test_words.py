"""The words of others that our catalogues must carry are named, and still exist."""

import inspect
from pathlib import Path

import allauth
from babel.messages.pofile import read_po

from accounts import errors, policy, words


def test_every_word_of_allauth_that_we_name_is_still_said_by_allauth() -> None:
    folder = Path(allauth.__file__).parent / "locale" / "zh_Hans" / "LC_MESSAGES"
    with (folder / "django.po").open("rb") as file:
        said = {message.id for message in read_po(file) if isinstance(message.id, str)}
    named = {*words.ALLAUTH_ACCOUNT, *words.ALLAUTH_SECOND_FACTORS, *words.ALLAUTH_SESSIONS}
    assert named <= said


def test_the_message_of_every_error_is_named() -> None:
    messages = {
        inspect.cleandoc(thing.__doc__ or "")
        for module in (errors, policy)
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, errors.AccountsError)
    }
    assert messages == set(words.ERRORS)


def test_an_error_says_its_docstring_and_has_a_code_of_its_own() -> None:
    assert str(errors.NotAMember()) == "This person is not in the team."
    codes = [
        thing.code
        for module in (errors, policy)
        for thing in vars(module).values()
        if isinstance(thing, type) and issubclass(thing, errors.AccountsError)
    ]
    assert {"not_found", "forbidden", "last_owner"} <= set(codes)
