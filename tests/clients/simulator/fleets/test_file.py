from pathlib import Path

import pytest

from citrine_simulator import UsageError
from citrine_simulator.fleets import read_fleet
from citrine_simulator.fleets.behaviours import Charge
from citrine_simulator.fleets.faults.power import PowerCut
from citrine_simulator.fleets.values import expand


def _write(directory: Path, text: str) -> Path:
    path = directory / "fleet.toml"
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("pattern", "ids"),
    [
        ("CS-1", ["CS-1"]),
        ("CS-{08..10}", ["CS-08", "CS-09", "CS-10"]),
        ("{9..11}-a", ["9-a", "10-a", "11-a"]),
        ("CS-{3..3}", ["CS-3"]),
    ],
)
def test_a_range_of_ids_is_expanded(pattern: str, ids: list[str]) -> None:
    assert expand(pattern) == ids


def test_a_fleet_is_read(tmp_path: Path) -> None:
    path = _write(
        tmp_path,
        'version = 1\n[[stations]]\nids = ["A-{1..2}", "B"]\nversion = "2.1"\n'
        '[stations.behaviour]\nkind = "charge"\npause = "5m"\n'
        '[[stations.faults]]\nkind = "power_cut"\nat = ["1m30s", 3]\n',
    )

    (group,) = read_fleet(path).stations

    assert group.station_ids == ["A-1", "A-2", "B"]
    assert group.behaviour == Charge(kind="charge", pause=300)
    assert group.faults == [PowerCut(kind="power_cut", at=[90, 3])]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param("version = \n", "(at line 1, column 11)", id="not TOML"),
        pytest.param("seed = 1\n[[stations]]\nids = 'A'\n", "fleet.toml: version: Field required", id="no version"),
        pytest.param("version = 2\n[[stations]]\nids = 'A'\n", ":1: version: Input should be 1", id="version"),
        pytest.param("version = 1\nstations = []\n", ":2: stations: List should have at least 1 item", id="empty"),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A'\n[[stations]]\nids = 'B'\ncolour = 'red'\n",
            ":6: stations.2.colour: is not a key of this table",
            id="key",
        ),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A'\nversion = '3'\n",
            ":4: stations.1.version: Input should be '1.6', '2.0.1' or '2.1'",
            id="OCPP version",
        ),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A-{5..3}'\n",
            ":3: stations.1.ids: 'A-{5..3}': 3 comes before 5",
            id="range",
        ),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A-{5}'\n",
            ":3: stations.1.ids: 'A-{5}': a range is written as {0001..0100}",
            id="braces",
        ),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A'\n[[stations]]\nids = 'A'\n",
            "fleet.toml: stations: A is there twice",
            id="twice",
        ),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A'\n[stations.behaviour]\nkind = 'dance'\n",
            ":5: stations.1.behaviour.kind: 'dance' is none of 'charge', 'day', 'heartbeat', 'idle'",
            id="behaviour",
        ),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A'\n[[stations.faults]]\nkind = 'wrong_clock'\n"
            "[[stations.faults]]\nkind = 'power_cut'\nat = ['soon']\n",
            ":8: stations.1.faults.2.at.1: 'soon' is no duration",
            id="duration",
        ),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A'\n[[stations.faults]]\nkind = 'power_cut'\n",
            ":4: stations.1.faults.1: needs at, every or both",
            id="fault that never strikes",
        ),
        pytest.param(
            f"version = 1\n[[stations]]\nids = 'A'\nversion = '1.6'\ntokens = ['{'A' * 21}']\n",
            f":2: stations.1: tokens: {'A' * 21} has more than the 20 characters of an idTag (OCPP 1.6)",
            id="idTag",
        ),
        pytest.param(
            "version = 1\n[[stations]]\nids = 'A'\ncertificate_file = 'a.pem'\n",
            ":2: stations.1: certificate_file and key_file go together",
            id="certificate",
        ),
        pytest.param(
            "version = 1\n[csms]\nurl = 'http://csms'\n[[stations]]\nids = 'A'\n",
            ":3: csms.url: String should match pattern",
            id="url",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_line_and_key(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        read_fleet(_write(tmp_path, text))

    assert said in str(refused.value)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot read the fleet"):
        read_fleet(tmp_path / "nothing.toml")
