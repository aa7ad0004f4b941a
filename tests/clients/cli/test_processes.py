"""Words of the command line that name a process."""

import pytest

from citrine_cli.errors import CliError
from citrine_cli.processes import process_of, run_process


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        (["core", "--help"], ("core", ["--help"])),
        (["edge", "--", "-x"], ("edge", ["--", "-x"])),
        (["simulate", "--stations", "3"], ("simulate", ["--stations", "3"])),
        (["db", "upgrade", "--database", "u"], ("upgrade", ["--database", "u"])),
        (["db"], None),
        (["station", "list"], None),
        ([], None),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_follows_a_process_is_left_untouched(arguments: list[str], found: tuple[str, list[str]] | None) -> None:
    assert process_of(arguments) == found


def test_a_process_that_is_not_installed_is_named() -> None:
    with pytest.raises(CliError, match="nothing is not installed"):
        run_process("nothing", [])
