"""Words of the command line that name a process."""

import socket
import subprocess
import sys
from pathlib import Path

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
        (["db", "rotate-key", "--delay", "5m"], ("rotate-key", ["--delay", "5m"])),
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


@pytest.mark.parametrize(
    ("arguments", "missing", "extra"),
    [
        (["core"], "sqlalchemy", "core"),
        (["db", "upgrade"], "sqlalchemy", "core"),
        (["edge"], "jsonschema_rs", "edge"),
        (["simulate"], "websockets", "simulator"),
        (["station", "list"], "rich", "cli"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else None,
)
def test_what_lacks_its_extra_says_what_to_install(arguments: list[str], missing: str, extra: str) -> None:
    code = (
        f"import sys; sys.modules[{missing!r}] = None; from citrine_cli.main import main; sys.exit(main({arguments!r}))"
    )

    ran = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True, text=True, timeout=60)

    assert (ran.returncode, ran.stdout) == (1, "")
    assert ran.stderr.startswith("error: ")
    assert ran.stderr.endswith(f" is missing; pip install 'citrine-csms[{extra}]'\n")
    assert ran.stderr.count("\n") == 1


def test_a_core_whose_port_is_taken_says_so_in_one_line(sqlite_url: str, tmp_path: Path) -> None:
    """It is the only line: what gRPC logs is not shown."""
    database = ["--database", sqlite_url]
    citrine = [sys.executable, "-m", "citrine_cli"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        core = ["core", *database, "--grpc-listen", address, "--core-http-listen", "127.0.0.1:0"]
        core += ["--edge-credential", "secret", "--operator-key-file", str(tmp_path / "operator.key")]
        ran = subprocess.run([*citrine, *core], check=False, capture_output=True, text=True, timeout=60)

    assert ran.returncode == 1
    assert ran.stderr == f"citrine core: {address} can't be listened on; is another core running?\n"
