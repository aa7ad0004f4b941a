"""Lines that are wider than a terminal go on in the next one, and nothing in them that is one thing is broken."""

import pytest

from citrine_cli.line_breaks import broken

EVENT = "12:23:52  DEMO-1  updated evse 1 Charging 1.371 kWh 11.000 kW 28 % 38cae446 [4711]"


@pytest.mark.parametrize(
    ("text", "columns", "parts"),
    [
        ("a short one", 80, ["a short one"]),
        (EVENT, 0, [EVENT]),
        (EVENT, 74, ["12:23:52  DEMO-1  updated evse 1 Charging 1.371 kWh 11.000 kW 28 %", "    38cae446 [4711]"]),
        # A number stays with its unit, and a kind of thing with its number.
        (EVENT, 53, ["12:23:52  DEMO-1  updated evse 1 Charging 1.371 kWh", "    11.000 kW 28 % 38cae446 [4711]"]),
        (
            EVENT,
            31,
            ["12:23:52  DEMO-1  updated", "    evse 1 Charging 1.371 kWh", "    11.000 kW 28 % 38cae446", "    [4711]"],
        ),
        # An id that is wider than a line is whole still.
        (f"station {'S' * 40} is gone", 30, ["station", f"    {'S' * 40}", "    is gone"]),
        ("  indented as this is it goes on", 25, ["  indented as this is it", "      goes on"]),
        # Two columns each.
        ("充电站 充电站 充电站 充电站 充电站", 26, ["充电站 充电站 充电站", "    充电站 充电站"]),
        # Beyond this a terminal does it better.
        ("a few words for a small terminal", 10, ["a few words for a small terminal"]),
    ],
)
def test_parts_fit_and_are_made_of_whole_things(text: str, columns: int, parts: list[str]) -> None:
    assert broken(text, columns) == parts
