"""What every file of the contract says for languages other than Python."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "protos").rglob("*.proto"))
GO_MODULE = "github.com/citrine-csms/citrine/gen/go"


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.relative_to(ROOT / "protos").as_posix())
def test_every_proto_names_its_go_package(file: Path) -> None:
    """The folder below the module, and the name that buf's managed mode would choose as well."""
    text = file.read_text(encoding="utf-8")
    package = re.findall(r"^package ([\w.]+);$", text, re.MULTILINE)[0].split(".")

    expected = f"{GO_MODULE}/{'/'.join(package)};{package[-2]}{package[-1]}"
    assert re.findall(r'^option go_package = "([^"]+)";$', text, re.MULTILINE) == [expected]
