"""What the relay's bill corrects stands in the sums of a batch as well."""

import pytest

from accounts.policy import Principal
from chat.models import Batch, Turn
from chat.services.batch_corrections import correct_turn
from chat.services.batch_ends import end_line
from tests.batches.working import ask_next, batch_of, line_of, lives, take
from tests.chat.admitting import finish

pytestmark = pytest.mark.usefixtures("funded")
HERE = "here"


@pytest.mark.parametrize("first", ["the bill", "the end"])
def test_a_corrected_turn_corrects_its_line_and_its_batch_once(bob: Principal, first: str) -> None:
    batch = batch_of(bob, 2)
    lives(HERE)
    assert take(HERE) == [batch.pk]
    turn = ask_next(batch, HERE)
    finish(turn)
    line = line_of(turn)
    if first == "the end":
        end_line(line.pk, turn.turn_id)
    for _ in range(2):
        correct_turn(turn.turn_id, 7)
    end_line(line.pk, turn.turn_id)
    line.refresh_from_db()
    costs = {
        Turn.objects.get().cost_nano_usd,
        line.cost_nano_usd,
        Batch.objects.get().cost_nano_usd,
    }
    assert costs == {7}
