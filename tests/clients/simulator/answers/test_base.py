from typing import Any

from citrine_simulator.answers import answers, collect
from citrine_simulator.connection import Answer


class Block:
    @answers("Reset")
    async def reset(self, payload: dict[str, Any]) -> Answer:
        return Answer({"status": "Accepted"})

    async def helper(self) -> None:
        return None


async def test_only_marked_methods_answer() -> None:
    handlers = collect(Block())

    assert handlers.keys() == {"Reset"}
    assert (await handlers["Reset"]({})).payload == {"status": "Accepted"}
