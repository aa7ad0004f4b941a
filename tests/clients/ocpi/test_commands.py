"""The commands of `citrine ocpi`, on a database of the adapter, and its processes as an operator starts them."""

import json
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from citrine_cli.main import main
from tests.support.quick_commands import quick_citrine
from tests.support.waiting import WAIT

Citrine = Callable[..., str]


@pytest.fixture
def citrine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Citrine:
    """Run a command and return what it prints; one that fails returns the error."""
    monkeypatch.chdir(tmp_path)
    for name in ("TENANT", "KEY_FILE", "LISTEN"):
        monkeypatch.delenv(f"CITRINE_OCPI_{name}", raising=False)
    monkeypatch.setenv("CITRINE_OCPI_PUBLIC_URL", "https://ocpi.example.com")

    def run(*arguments: str, code: int = 0) -> str:
        assert main(["ocpi", *arguments]) == code
        captured = capsys.readouterr()
        return captured.err if code else captured.out

    return run


def test_a_partner_is_added_shown_suspended_invited_and_removed(citrine: Citrine, tmp_path: Path) -> None:
    assert "citrine ocpi party set" in citrine("partner", "add", "emsp1", code=1)
    citrine("party", "set", "de-cit", "--name", "Citrine Charging")

    added = citrine("partner", "add", "emsp1").splitlines()
    assert added[1] == "versions URL: https://ocpi.example.com/ocpi/versions"
    token = added[2].removeprefix("token A: ")
    assert len(token) == 43
    assert "exists already" in citrine("partner", "add", "emsp1", code=1)

    citrine("partner", "suspend", "emsp1")
    (listed,) = json.loads(citrine("partner", "list", "--json"))
    assert (listed["partner"], listed["state"], listed["version"]) == ("emsp1", "suspended", None)
    citrine("partner", "resume", "emsp1")
    assert "waits for its registration" in citrine("partner", "show", "emsp1")

    invited = citrine("partner", "invite", "emsp1", "--file", "token-a")
    assert "token A: in token-a" in invited
    assert (tmp_path / "token-a").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "token-a").read_text().strip() != token

    assert "only hubs broadcast" in citrine("partner", "set", "emsp1", "--broadcast", code=1)
    citrine("partner", "set", "emsp1", "--hub", "--broadcast", "--raw-token")
    (listed,) = json.loads(citrine("partner", "list", "--json"))
    assert (listed["may_be_hub"], listed["raw_token"], listed["waiting_parties"]) == (True, True, [])
    assert "does not wait" in citrine("partner", "accept", "emsp1", "NL-TNM", code=1)

    citrine("partner", "remove", "emsp1", "--yes")
    assert json.loads(citrine("partner", "list", "--json")) == []
    assert "does not exist" in citrine("partner", "show", "emsp1", code=1)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("partner", "add", "a name"), "letters"),
        (("partner", "add", "emsp", "--url", "https://emsp.example.com"), "belong together"),
        (("partner", "register", "emsp", "--version", "2.1.1"), "2.2.1, 2.3.0"),
        (("party", "set", "Citrine", "--name", "Citrine"), "NL-TNM"),
        (("delivery", "retry"), "--partner"),
        (("partner", "locations", "emsp", "--label", "city"), "KEY=VALUE"),
        (("partner", "locations", "emsp", "L-1", "--published"), "not with locations"),
        (("partner", "add", "emsp", "--broadcast"), "--hub"),
        (("partner", "set", "emsp"), "--no-hub"),
        (("partner", "accept", "emsp", "TNM"), "NL-TNM"),
        (("rotate-key", "--delay", "soon"), "--delay"),
    ],
)
def test_what_is_typed_wrongly_is_said(citrine: Citrine, arguments: tuple[str, ...], said: str) -> None:
    assert said in citrine(*arguments, code=2)


def test_nothing_waits_at_first(citrine: Citrine) -> None:
    assert citrine("delivery", "list").strip() == "nothing waits"
    assert json.loads(citrine("delivery", "list", "--dead", "--json")) == []
    assert citrine("left-out", "list").strip() == "nothing is left out"


def test_an_operator_says_which_locations_a_partner_sees(citrine: Citrine) -> None:
    citrine("party", "set", "DE-CIT", "--name", "Citrine Charging")
    citrine("partner", "add", "emsp1")
    assert citrine("partner", "locations", "emsp1").strip() == "partner emsp1 sees what is published to it"

    said = citrine("partner", "locations", "emsp1", "L-2", "L-1", "--group", "public", "--label", "city=Oslo")
    assert said.strip() == "partner emsp1 sees L-1, L-2, of stations with group:public, label:city=Oslo"
    assert json.loads(citrine("partner", "locations", "emsp1", "--json")) == {
        "partner": "emsp1",
        "locations": ["L-1", "L-2"],
        "tags": ["group:public", "label:city=Oslo"],
    }
    # It takes the place of all that was said before.
    citrine("partner", "locations", "emsp1", "--group", "depot")
    assert "what is published to it, of stations with group:depot" in citrine("partner", "locations", "emsp1")
    citrine("partner", "locations", "emsp1", "--published")
    assert citrine("partner", "locations", "emsp1").strip() == "partner emsp1 sees what is published to it"


def _ready(file: Path) -> dict[str, Any]:
    deadline = time.monotonic() + WAIT
    while not file.exists():
        assert time.monotonic() < deadline, file
        time.sleep(0.02)
    found: dict[str, Any] = json.loads(file.read_text())
    return found


def test_an_adapter_and_a_simulated_emsp_find_each_other(
    citrine: Citrine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CITRINE_OCPI_PUBLIC_URL")
    monkeypatch.setenv("CITRINE_OCPI_ALLOW_INSECURE_PARTNERS", "true")
    monkeypatch.setenv("CITRINE_OCPI_KEY_FILE", str(tmp_path / "key"))
    (tmp_path / "key").write_text("no core needs it")
    citrine("party", "set", "DE-CIT", "--name", "Citrine Charging")
    citrine("partner", "add", "emsp1", "--file", "token-a.txt")
    listen = ["--ocpi-listen", "127.0.0.1:0", "--ocpi-http-listen", "127.0.0.1:0", "--core", "127.0.0.1:1"]
    adapter = subprocess.Popen([quick_citrine(), "ocpi", "serve", *listen, "--ready-file", "ocpi.ready"], cwd=tmp_path)
    try:
        ready = _ready(tmp_path / "ocpi.ready")
        versions_url = f"http://{ready['ocpi']}/ocpi/versions"
        emsp = subprocess.Popen(
            [
                *(quick_citrine(), "ocpi", "emsp", "--emsp-listen", "127.0.0.1:0"),
                *("--emsp-versions-url", versions_url, "--ready-file", "emsp.ready"),
            ],
            cwd=tmp_path,
        )
        try:
            page = _ready(tmp_path / "emsp.ready")["http"]
            (listed,) = json.loads(citrine("partner", "list", "--json"))
            with urllib.request.urlopen(f"http://{page}/", timeout=WAIT) as answer:
                shown = answer.read()
            with urllib.request.urlopen(f"http://{ready['http']}/metrics", timeout=WAIT) as answer:
                metrics = answer.read().decode()

            assert (listed["state"], listed["version"]) == ("registered", "2.3.0")
            assert listed["parties"] == [{"party": "NL-EMS", "role": "EMSP", "name": "Simulated eMSP"}]
            assert b"Simulated eMSP" in shown
            assert 'citrine_ocpi_requests_total{http_status="201",method="POST",module="credentials"' in metrics
        finally:
            emsp.send_signal(signal.SIGTERM)
            assert emsp.wait(WAIT) == 0
    finally:
        adapter.send_signal(signal.SIGTERM)
        assert adapter.wait(WAIT) == 0
