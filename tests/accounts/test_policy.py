"""Who may do what: the whole matrix, written out once and compared with the code."""

from uuid import uuid4

import pytest

from accounts.policy import Forbidden, NotVisible, Principal, allows, require
from accounts.roles import API_KEY_CAPABILITIES, Capability, Role, assignable_roles

TEAM = uuid4()
MATRIX = {
    # capability: owner, admin, member, viewer
    "read_conversation": "yes yes yes yes",
    "view_billing": "yes yes yes yes",
    "send_message": "yes yes yes no",
    "interrupt_turn": "yes yes yes no",
    "edit_conversation": "yes yes yes no",
    "delete_conversation": "yes yes yes no",
    "share_conversation": "yes yes yes no",
    "create_api_key": "yes yes yes no",
    "manage_budget": "yes yes no no",
    "manage_team": "yes yes no no",
    "manage_owners": "yes no no no",
}
COLUMNS = (Role.OWNER, Role.ADMIN, Role.MEMBER, Role.VIEWER)
CASES = [
    (capability, role, answer == "yes")
    for capability, row in MATRIX.items()
    for role, answer in zip(COLUMNS, row.split(), strict=True)
]


def principal(role: Role, capabilities: frozenset[Capability] | None = None) -> Principal:
    return Principal(
        user_id=1,
        username="alice",
        team_id=TEAM,
        roles={TEAM: role},
        auth_version=1,
        via="session" if capabilities is None else "api_key",
        capabilities=capabilities,
    )


def test_the_matrix_names_every_capability_and_every_role() -> None:
    assert set(MATRIX) == {capability.value for capability in Capability}
    assert set(COLUMNS) == set(Role)


@pytest.mark.parametrize(("name", "role", "allowed"), CASES)
def test_a_role_may_do_exactly_what_the_matrix_says(name: str, role: Role, allowed: bool) -> None:
    assert allows(principal(role), Capability(name), TEAM) is allowed


@pytest.mark.parametrize(("name", "role", "allowed"), CASES)
def test_a_refusal_within_the_team_says_forbidden(name: str, role: Role, allowed: bool) -> None:
    if allowed:
        require(principal(role), Capability(name), TEAM)
    else:
        with pytest.raises(Forbidden) as refusal:
            require(principal(role), Capability(name), TEAM)
        assert refusal.value.code == "forbidden"


@pytest.mark.parametrize("capability", list(Capability))
def test_another_team_does_not_exist_even_for_an_owner(capability: Capability) -> None:
    stranger = principal(Role.OWNER)
    assert not allows(stranger, capability, uuid4())
    with pytest.raises(NotVisible) as refusal:
        require(stranger, capability, uuid4())
    assert refusal.value.code == "not_found"


@pytest.mark.parametrize("capability", list(Capability))
@pytest.mark.parametrize("role", list(Role))
def test_a_key_does_only_what_both_its_scope_and_the_role_allow(
    role: Role, capability: Capability
) -> None:
    alone = principal(role, frozenset({capability}))
    for other in Capability:
        expected = other is capability and allows(principal(role), other, TEAM)
        assert allows(alone, other, TEAM) is expected


def test_a_key_is_told_which_scope_it_lacks_and_a_role_is_not() -> None:
    nothing: frozenset[Capability] = frozenset()
    with pytest.raises(Forbidden, match="has not the scope send_message"):
        require(principal(Role.MEMBER, nothing), Capability.SEND_MESSAGE, TEAM)
    with pytest.raises(Forbidden) as refusal:
        require(principal(Role.VIEWER, nothing), Capability.SEND_MESSAGE, TEAM)
    assert refusal.value.scope is None


def test_no_key_may_carry_management() -> None:
    management = {c for c in Capability if c.value.startswith(("manage", "create", "share"))}
    assert not management & API_KEY_CAPABILITIES


def test_nobody_gives_away_a_role_above_her_own() -> None:
    assert assignable_roles(Role.OWNER) == set(Role)
    assert assignable_roles(Role.ADMIN) == {Role.ADMIN, Role.MEMBER, Role.VIEWER}
    assert assignable_roles(Role.MEMBER) == set()
    assert assignable_roles(Role.VIEWER) == set()


def test_a_principal_does_not_show_its_credential() -> None:
    shown = Principal(
        user_id=1,
        username="alice",
        team_id=TEAM,
        roles={},
        auth_version=1,
        via="session",
        credential="the-session-key",
    )
    assert "the-session-key" not in repr(shown)
