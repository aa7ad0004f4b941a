"""Tests of the process: exit codes, what it says when it can't start, and how it stops."""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path

import pytest

from citrine_core.app import main
from citrine_core.db import create_engine
from citrine_core.db.upgrade import upgrade


def fails(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the process and return its exit code and what it says."""
    code = main(arguments)
    said = capsys.readouterr().err.strip().splitlines()
    return code, said[-1]


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        pytest.param(["--databse", "x"], "--databse", id="unknown flag"),
        pytest.param(["--database", "mysql://x/y"], "sqlite+aiosqlite or postgresql+asyncpg", id="another database"),
        pytest.param(["--database", "what is this"], "sqlite+aiosqlite or postgresql+asyncpg", id="no URL"),
        pytest.param(["--grpc-listen", "nowhere"], "nowhere", id="no address"),
        pytest.param(["--edge-credential-file", "/does/not/exist"], "edge_credential_file", id="no credential"),
    ],
)
def test_a_wrong_setting_ends_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str], text: str) -> None:
    code, said = fails(capsys, *arguments)

    assert code == 2
    assert said.startswith("citrine core: ")
    assert text in said


def test_a_database_without_schema_says_what_to_do(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, said = fails(capsys, "--database", f"sqlite+aiosqlite:///{tmp_path}/empty.db")

    assert (code, "run: citrine db upgrade" in said) == (1, True)


def test_a_database_that_is_not_there_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    code, said = fails(capsys, "--database", "postgresql+asyncpg://nobody@127.0.0.1:1/none")

    assert (code, said.startswith("citrine core: the database can't be reached")) == (1, True)


async def test_it_listens_until_it_is_asked_to_stop(tmp_path: Path) -> None:
    url, ready = f"sqlite+aiosqlite:///{tmp_path}/citrine.db", tmp_path / "ready"
    await upgrade(url)
    await create_engine(url).dispose()
    environment = {"PATH": os.environ["PATH"], "CITRINE_DATABASE": url, "CITRINE_READY_FILE": str(ready)}
    listen = ("--grpc-listen", "127.0.0.1:0", "--core-http-listen", "127.0.0.1:0")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "citrine_core.app", *listen, env=environment, stderr=asyncio.subprocess.PIPE
    )
    assert process.stderr is not None
    async with asyncio.timeout(90):
        lines = [""]
        while "the core listens" not in lines[-1]:
            lines.append((await process.stderr.readline()).decode())
            assert lines[-1], "it ended"
        addresses = json.loads(ready.read_text())

        process.send_signal(signal.SIGTERM)

        await process.stderr.read()
        assert await process.wait() == 0
    assert addresses["pid"] == process.pid
    assert addresses["grpc"] in lines[-1]
    warnings = [line for line in lines if " WARNING " in line]
    assert [name for line in warnings for name in line.split() if name.startswith("CITRINE_")] == [
        "CITRINE_OPERATOR_KEY_FILE",
        "CITRINE_EDGE_CREDENTIAL_FILE",
    ]
    assert not addresses["http"].endswith(":0")
