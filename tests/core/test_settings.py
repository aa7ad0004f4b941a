"""Tests of what the settings of both processes are made of: what a text may say, and what is refused."""

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from citrine_process.durations import read_duration
from citrine_process.settings import InvalidSetting, Secret, Settings, setting


def _in_capitals(text: str) -> str:
    if not text.isalpha():
        raise ValueError("must be letters")
    return text.upper()


class Example(Settings):
    """One setting of each kind."""

    name: str = "a"
    count: int = setting(default=1, ge=0, le=64)
    share: float | None = setting(default=None, gt=0, le=1)
    pause: timedelta = setting(default=timedelta(seconds=1), gt=timedelta(0))
    end: timedelta | None = timedelta(days=1)
    file: Path | None = None
    secret: Secret | None = None
    who: Literal["core", "clients"] = "core"
    word: str = setting(default="", check=_in_capitals)


def test_settings_are_read_from_text() -> None:
    texts: dict[str, Any] = {
        "name": "b",
        "count": "3",
        "share": "0.5",
        "pause": "5m",
        "end": "none",
        "file": "x",
        "secret": "s",
        "who": "clients",
        "word": "abc",
    }

    found = Example(**texts)

    assert (found.name, found.count, found.share, found.who, found.word) == ("b", 3, 0.5, "clients", "ABC")
    assert (found.pause, found.end, found.file) == (timedelta(minutes=5), None, Path("x"))
    assert found.secret == Secret("s")


def test_settings_that_nobody_sets_have_their_default() -> None:
    found = Example()

    assert {name: getattr(found, name) for name in Example.fields} == {
        "name": "a",
        "count": 1,
        "share": None,
        "pause": timedelta(seconds=1),
        "end": timedelta(days=1),
        "file": None,
        "secret": None,
        "who": "core",
        "word": "",
    }


@pytest.mark.parametrize(
    ("name", "value", "problem"),
    [
        ("nme", "x", "unknown setting nme"),
        ("name", 1, "name: must be text, not 1"),
        ("count", "many", "count: must be a whole number from 0 up to 64, not 'many'"),
        ("count", "65", "count: must be a whole number from 0 up to 64, not '65'"),
        ("count", "-1", "count: must be a whole number from 0 up to 64, not '-1'"),
        ("count", True, "count: must be a whole number from 0 up to 64, not True"),
        ("count", None, "count: must be a whole number from 0 up to 64, not None"),
        ("share", "0", "share: must be a number above 0 up to 1, not '0'"),
        ("share", "nan", "share: must be a number above 0 up to 1, not 'nan'"),
        ("pause", "soon", "pause: must be a duration (90s, 5m, 1d12h, PT5M) above 0s, not 'soon'"),
        ("pause", "0", "pause: must be a duration (90s, 5m, 1d12h, PT5M) above 0s, not '0'"),
        ("pause", "none", "pause: must be a duration (90s, 5m, 1d12h, PT5M) above 0s, not 'none'"),
        ("end", "nan", "end: must be a duration (90s, 5m, 1d12h, PT5M), or \"none\", not 'nan'"),
        ("file", 3, "file: must be a path, not 3"),
        ("secret", 77, "secret: must be text"),
        ("who", "me", "who: must be one of core, clients, not 'me'"),
        ("word", "1", "word: must be letters"),
    ],
)
def test_a_mistake_is_said_in_one_line(name: str, value: Any, problem: str) -> None:
    with pytest.raises(InvalidSetting) as refused:
        Example(**{name: value})

    assert str(refused.value) == problem


def test_a_secret_is_not_shown() -> None:
    found = Example(secret=Secret("password"))

    assert "password" not in f"{found} {found.secret}"
    assert found.secret is not None
    assert found.secret.reveal() == "password"


def test_settings_do_not_change() -> None:
    settings: Any = Example()

    with pytest.raises(AttributeError):
        settings.count = 2


def test_settings_with_others_remember_what_was_chosen() -> None:
    chosen = Example(count=1)

    other = chosen.with_values(name="c")

    assert (other.name, other.count) == ("c", 1)
    assert [name for name in Example.fields if chosen.is_chosen(name)] == ["count"]
    assert [name for name in Example.fields if other.is_chosen(name)] == ["name", "count"]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("90s", 90),
        ("1d12h", 129_600),
        ("500ms", 0.5),
        (" 5m ", 300),
        ("90", 90),
        ("-1.5", -1.5),
        ("1e3", 1000),
        ("PT1.5S", 1.5),
        ("PT1,5S", 1.5),
        ("P1Y2M3DT4H5M6S", 425 * 86_400 + 3 * 86_400 + 14_706),
        ("P1W", 604_800),
        ("-PT5M", -300),
        ("00:05", 300),
        ("100:00:01.5", 360_001.5),
        ("-00:05:00", -300),
        ("1 day", 86_400),
        ("2 days, 10:00:00", 208_800),
    ],
)
def test_a_duration_is_written_in_several_ways(text: str, seconds: float) -> None:
    assert read_duration(text) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text", ["", "soon", "nan", "inf", "1e999", "99999999999d", "P", "PT", "P1H", "PT1D", "5 m", "00:60:00", "00:00:60"]
)
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"could not convert|too long|cannot convert"):
        read_duration(text)


def test_a_process_that_starts_loads_no_library_of_models() -> None:
    """Which takes longer to load than a tenth of all that a core is."""
    program = "import sys, citrine_core.app, citrine_edge.app; print('pydantic' in sys.modules)"

    assert subprocess.run([sys.executable, "-c", program], capture_output=True, text=True).stdout.strip() == "False"
