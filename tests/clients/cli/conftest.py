"""Fixtures of the CLI's tests: a scripted core, and the command line as a function."""

import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from citrine_cli.main import main
from tests.clients.scripted_core import ScriptedCore, core

__all__ = ["Ran", "core"]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()


Cli = Callable[..., Ran]


@pytest.fixture(autouse=True)
def _clean_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (
        "CITRINE_CORE",
        "CITRINE_KEY",
        "CITRINE_KEY_FILE",
        "CITRINE_TOKEN",
        "CITRINE_TOKEN_FILE",
        "CITRINE_TENANT",
        "CITRINE_DATABASE",
    ):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()


@pytest.fixture
def cli(capsys: pytest.CaptureFixture[str]) -> Cli:
    """Run the command line as it is."""

    def run(*arguments: str) -> Ran:
        code = main(arguments)
        captured = capsys.readouterr()
        return Ran(code, captured.out, captured.err)

    return run


@pytest.fixture
def citrine(cli: Cli, core: ScriptedCore, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """Run the command line towards the scripted core, with a key."""
    monkeypatch.setenv("CITRINE_CORE", core.address)
    monkeypatch.setenv("CITRINE_KEY", "secret")
    return cli
