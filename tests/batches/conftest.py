"""The people of the tests of batches, their money and a model with a price."""

import pytest

from billing.budgets import grant_credit
from tests.chat.conftest import alice as alice
from tests.chat.conftest import bob as bob
from tests.chat.conftest import charlie as charlie
from tests.chat.conftest import dana as dana
from tests.chat.conftest import people as people
from tests.chat.conftest import priced as priced
from tests.people import Cast

CREDIT_NANO_USD = 1_000_000_000


@pytest.fixture
def funded(people: Cast, priced: None) -> None:
    for team in (people.team, people.other_team):
        grant_credit(team_id=team.pk, amount_nano_usd=CREDIT_NANO_USD)
