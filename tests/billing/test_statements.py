"""Statements: their ties to the ledger, who sees them, other currencies, files."""

import csv
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from io import BytesIO, StringIO

import pytest
from django.db.models import Q, Sum
from django.test import Client
from django.urls import reverse
from openpyxl import load_workbook

from accounts.models import Membership, Team, User
from accounts.roles import Role
from billing.budgets import budget_of
from billing.errors import RateInvalid
from billing.exchange import Conversion, conversion, set_rate, units_to_micro
from billing.models import Currency, ExchangeRate, Hold, Transfer
from billing.money import nano_to_usd, usd_to_nano
from billing.statements import statement
from billing.usage_folding import rebuild
from tests.billing.booking import move, post_correction, turn_at
from tests.billing.conftest import give, hold_for, set_prices

SEPTEMBER, OCTOBER = date(2025, 9, 1), date(2025, 10, 1)
ZONE = "Asia/Ho_Chi_Minh"
START = datetime(2025, 9, 30, 17, tzinfo=UTC)
END = datetime(2025, 10, 31, 17, tzinfo=UTC)
SECOND = timedelta(seconds=1)
SHEETS = ("Statement", "People", "Models", "Relays", "Conversations", "Days")
FORMULA = '=HYPERLINK("x")'


def book(team: Team, usd: str, moment: datetime) -> None:
    """Give credit, or take it back, at a moment."""
    give(team, usd)
    move(Transfer.objects.filter(team=team, kind__in=("grant", "adjustment"))[0], moment)


@pytest.fixture
def october(team: Team, charlies_team: Team, alice: User, bob: User, priced: str) -> Team:
    """A month with something at each of its edges in Vietnam, and some before, after, elsewhere."""
    Membership.objects.create(team=team, user=alice, role=Role.OWNER)
    Membership.objects.create(team=team, user=bob, role=Role.MEMBER)
    User.objects.filter(pk=bob.pk).update(username=FORMULA)
    set_prices(FORMULA, "0.02")
    book(team, "40", START - 40 * timedelta(days=1))
    book(team, "3", START)
    book(team, "-1", END - SECOND)
    book(team, "7", END)
    give(charlies_team, "9")
    turn_at(charlies_team, bob, START)
    for moment in (START - SECOND, START, END - SECOND, END):
        turn_at(team, alice, moment)
    dear = turn_at(team, bob, START + SECOND, FORMULA)
    for amount, moment in ((7, START), (-3, END - SECOND), (11, END)):
        hold = Hold.objects.get(subject=dear)
        move(post_correction(hold, amount, key=f"correction:{amount}", note=""), moment)
    return team


def credit_by_the_ledger(team: Team, until: datetime) -> int:
    """What a wallet had at a moment: everything posted to it, less everything posted from it."""
    posted = Transfer.objects.filter(team=team, created_at__lt=until)
    posted = posted.exclude(kind__in=("hold", "release"))
    sums = posted.aggregate(
        to=Sum("amount_nano_usd", filter=Q(credit__kind="wallet")),
        of=Sum("amount_nano_usd", filter=Q(debit__kind="wallet")),
    )
    return int(sums["to"] or 0) - int(sums["of"] or 0)


@pytest.mark.parametrize("folded", [False, True])
def test_a_statement_ties_to_the_transfers_to_the_last_unit(october: Team, folded: bool) -> None:
    if folded:
        rebuild(ZONE)
    shown = statement(october, OCTOBER, ZONE)
    assert shown.opening_nano_usd == credit_by_the_ledger(october, START)
    assert shown.closing_nano_usd == credit_by_the_ledger(october, END)
    assert shown.opening_nano_usd == usd_to_nano("40") - usd_to_nano("0.012")
    assert (shown.given_nano_usd, shown.taken_back_nano_usd) == (3 * 10**9, 10**9)
    assert shown.figures.turns == 3
    assert shown.figures.corrected_nano_usd == 7 - 3
    for lines in (
        *(shown.people, shown.models, shown.routes),
        *(shown.conversations, shown.days),
    ):
        assert sum(each.figures.cost_nano_usd for each in lines) == shown.figures.cost_nano_usd
    assert statement(october, SEPTEMBER, ZONE).closing_nano_usd == shown.opening_nano_usd
    # In another zone the first edges fall into other months.
    assert statement(october, OCTOBER, "UTC").figures.turns == 2


def test_what_was_held_when_a_month_ended_is_told(october: Team, alice: User) -> None:
    held = usd_to_nano("0.016")
    # One turn went over the end, held a minute before it; another is still under way.
    assert statement(october, OCTOBER, ZONE).held_nano_usd == held
    after_the_end = Transfer.objects.filter(team=october, kind="capture", created_at=END)
    over = Transfer.objects.get(kind="hold", subject__in=after_the_end.values("subject"))
    move(over, END)
    assert statement(october, OCTOBER, ZONE).held_nano_usd == 0
    move(over, END - SECOND)
    still = hold_for(october, alice, "turn:still")
    move(Transfer.objects.get(subject="turn:still"), END - SECOND)
    assert statement(october, OCTOBER, ZONE).held_nano_usd == held + still.amount_nano_usd
    this_month = statement(october, datetime.now(UTC).date(), ZONE)
    assert this_month.held_nano_usd == still.amount_nano_usd
    assert not this_month.is_over
    assert this_month.closing_nano_usd == credit_by_the_ledger(october, this_month.until)
    # The counters do not know of the corrections above, which were posted past them.
    left = budget_of(october.pk).granted_nano_usd - budget_of(october.pk).spent_nano_usd
    assert this_month.closing_nano_usd == left - (7 - 3 + 11)


@pytest.mark.parametrize(
    ("role", "status"),
    [(Role.OWNER, 200), (Role.ADMIN, 200), (Role.MEMBER, 403), (Role.VIEWER, 403), (None, 404)],
)
def test_who_manages_a_team_sees_its_statement(
    october: Team, client: Client, role: Role | None, status: int
) -> None:
    dana = User.objects.create_user(username="dana")
    if role:
        Membership.objects.create(team=october, user=dana, role=role)
    client.force_login(dana)
    for name, more in (
        ("statement", []),
        ("statement_file", ["csv"]),
        ("statement_file", ["xlsx"]),
    ):
        assert client.get(reverse(name, args=[october.pk, *more])).status_code == status
    assert client.get(reverse("my_usage")).status_code == 200


def test_staff_sees_every_statement_and_nobody_none_before_signing_in(
    october: Team, client: Client
) -> None:
    address = reverse("statement", args=[october.pk])
    assert client.get(address)["Location"].startswith(reverse("account_login"))
    erin = User.objects.create_user(username="erin", is_staff=True)
    client.force_login(erin)
    assert client.get(address).status_code == 404
    User.objects.filter(pk=erin.pk).update(is_superuser=True)
    assert client.get(address).status_code == 200
    assert client.get(address + "pdf/").status_code == 404
    assert client.get(f"{address}?month=9999-99&zone=Mars&currency=XXX").status_code == 200


@pytest.fixture
def owner(client: Client, alice: User) -> Client:
    client.force_login(alice)
    return client


def test_the_page_shows_the_month_in_the_zone_and_remembers_it(
    october: Team, owner: Client
) -> None:
    address = reverse("statement", args=[october.pk])
    body = owner.get(address, {"month": "2025-10", "zone": ZONE}).content.decode()
    assert "USD\xa039.988" in body
    assert 'style="' not in body
    again = owner.get(address, {"month": "2025-10"})
    assert again.context["statement"].zone == ZONE
    assert again.context["statement"].figures.turns == 3
    assert owner.get(reverse("statements"))["Location"] == address


def test_files_have_every_unit_and_no_formula(october: Team, owner: Client) -> None:
    set_rate("CNY", units_to_micro("7.2"), START)
    told = statement(october, OCTOBER, ZONE)
    query = {"month": "2025-10", "zone": ZONE, "currency": "CNY"}
    response = owner.get(reverse("statement_file", args=[october.pk, "csv"]), query)
    assert "statement-2025-10.csv" in response["Content-Disposition"]
    rows = list(csv.DictReader(StringIO(response.content.decode("utf-8-sig"))))
    spend = next(row for row in rows if row["part"] == "spend")
    assert usd_to_nano(spend["usd"]) == told.figures.cost_nano_usd
    assert spend["cny"] == "0.17"
    for part in ("person", "model", "route", "conversation", "day"):
        parts = [usd_to_nano(row["usd"]) for row in rows if row["part"] == part]
        assert sum(parts) == told.figures.cost_nano_usd
    assert f"'{FORMULA}" in {row["name"] for row in rows}
    response = owner.get(reverse("statement_file", args=[october.pk, "xlsx"]), query)
    book = load_workbook(BytesIO(response.content))
    assert book.sheetnames == list(SHEETS)
    for sheet in SHEETS[1:]:
        lines = list(book[sheet].values)
        usd = lines[0].index("usd")
        assert sum(round(row[usd] * 10**9) for row in lines[1:]) == told.figures.cost_nano_usd
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [cell for cell in cells if cell.data_type == "f"]
    assert f"'{FORMULA}" in {cell.value for cell in cells}


def test_my_usage_is_mine(october: Team, charlies_team: Team, alice: User, owner: Client) -> None:
    turn_at(charlies_team, alice, START + SECOND)
    shown = owner.get(reverse("my_usage"), {"month": "2025-10", "zone": ZONE})
    assert shown.context["figures"].turns == 3
    by_team = shown.context["tables"][0]
    assert {row.name: row.figures.turns for row in by_team.rows} == {"Tram": 2, "Charlie's": 1}
    assert [name for name, _rooms in shown.context["rooms"]] == ["Tram", "alice"]


def test_an_amount_is_converted_at_the_rate_of_its_time(db: None) -> None:
    for units, moment in (("7.1", START - SECOND), ("7.2", START), ("7.3", END)):
        set_rate("CNY", units_to_micro(units), moment)
    found = conversion("CNY", END - SECOND)
    assert found is not None
    assert (found.units_per_usd, found.starts_at) == (Decimal("7.2"), START)
    assert conversion("CNY", START - 2 * SECOND) is None
    assert [conversion(other, END) for other in ("VND", "XXX")] == [None, None]


@pytest.mark.parametrize(
    ("currency", "units", "usd", "amount"),
    [
        ("CNY", "7.2", "12", "86.40"),
        ("CNY", "1", "0.005", "0.00"),
        ("CNY", "1", "0.015", "0.02"),
        ("CNY", "1", "0.015000001", "0.02"),
        ("CNY", "1", "-0.025", "-0.02"),
        ("CNY", "1", "-0.026", "-0.03"),
        ("VND", "26350.5", "11.6", "305666"),
    ],
)
def test_a_converted_amount_is_rounded_to_the_smallest_coin(
    currency: str, units: str, usd: str, amount: str
) -> None:
    rate = Conversion(Currency(currency), units_to_micro(units), START)
    assert str(rate.of(usd_to_nano(usd))) == amount
    assert nano_to_usd(usd_to_nano(usd)) * Decimal(units) - Decimal(amount) <= Decimal("0.5")


@pytest.mark.parametrize("odd", ["0", "-1", "NaN", "1e99", "7.2000001", "x", ""])
def test_a_rate_that_is_none_is_refused(odd: str) -> None:
    with pytest.raises(RateInvalid):
        units_to_micro(odd)


def test_an_administrator_adds_a_rate_and_changes_none(client: Client, alice: User) -> None:
    User.objects.filter(pk=alice.pk).update(is_staff=True, is_superuser=True)
    client.force_login(alice)
    form = {"currency": "VND", "micro_units_per_usd": "26350", "starts_at_0": "", "starts_at_1": ""}
    assert client.post(reverse("admin:billing_exchangerate_add"), form).status_code == 302
    rate = ExchangeRate.objects.get()
    assert (rate.micro_units_per_usd, rate.created_by) == (26_350_000_000, alice)
    address = reverse("admin:billing_exchangerate_change", args=[rate.pk])
    assert client.post(address, form).status_code == 403
    assert "26350" in client.get(reverse("admin:billing_exchangerate_changelist")).content.decode()
