"""Long calculations leave the loop to others."""

import asyncio

from citrine_core.steps import STEPS, Steps, in_one_go, run_cooperatively


def counted(steps: int) -> Steps[int]:
    """Count so many steps."""
    for _ in range(steps):
        yield
    return steps


def test_in_one_go_returns_the_result() -> None:
    assert (in_one_go(counted(0)), in_one_go(counted(3))) == (0, 3)


async def test_others_have_their_turn_after_some_steps() -> None:
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    other = asyncio.create_task(others())
    assert await run_cooperatively(counted(STEPS - 1)) == STEPS - 1
    assert turns == 0
    assert await run_cooperatively(counted(10 * STEPS)) == 10 * STEPS
    assert turns == 10
    other.cancel()
