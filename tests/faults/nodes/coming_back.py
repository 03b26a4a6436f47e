"""Rows 23 to 28: people who do not read, go away, come back, and come twice."""

from tests.faults.nodes.play import LONG, Play

CUTS = 20


async def never_reads(play: Play) -> None:
    """Row 23."""
    reader = await play.reader(0)
    accepted = await play.ask(reader)
    sleeper = await play.reader(0, of=accepted)
    await sleeper.holds(accepted["turn"], 1)
    sleeper.client.connection.transport.pause_reading()
    await reader.finish(accepted["turn"])
    await sleeper.drop()
    await sleeper.connect(0)


async def back_in_the_middle(play: Play) -> None:
    """Row 24."""
    reader = await play.reader(0)
    turn = (await play.ask(reader))["turn"]
    await reader.holds(turn, 50)
    await reader.drop()
    await play.written(turn, len(reader.turns[turn].content) + 100)
    await reader.connect(0)


async def back_after_the_end(play: Play) -> None:
    """Row 25."""
    reader = await play.reader(0)
    turn = (await play.ask(reader))["turn"]
    await reader.holds(turn, 50)
    await reader.drop()
    await play.ended(turn)
    await reader.connect(0)


async def second_tab(play: Play) -> None:
    """Row 26: two more, one of them at another node."""
    reader = await play.reader(0)
    accepted = await play.ask(reader)
    await reader.holds(accepted["turn"], 100)
    for at in (0, 1):
        await play.reader(at, of=accepted)


async def cut_again_and_again(play: Play) -> None:
    """Row 27: every second time lost again before a chunk can have come, at any node."""
    reader = await play.reader(0)
    turn = (await play.ask(reader, LONG))["turn"]
    for cut in range(CUTS):
        if cut % 2 == 0:
            await reader.holds(turn, len(reader.turns[turn].content) + 1)
        await reader.drop()
        await reader.connect(cut // 2 % len(play.cluster))
    assert reader.connections == CUTS + 1


async def back_at_another_node(play: Play) -> None:
    """Row 28."""
    reader = await play.reader(0)
    turn = (await play.ask(reader))["turn"]
    await reader.holds(turn, 50)
    await reader.drop()
    before = len(reader.turns[turn].content)
    async with play.timed("resume_elsewhere_seconds"):
        await reader.connect(1)
        await reader.holds(turn, before + 1)
