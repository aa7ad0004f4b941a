"""The SDK has what the contract has, without anybody writing it down: `make protos` does."""

import re
import runpy
from pathlib import Path
from typing import Any

from citrine_sdk import READS, SERVICES, Citrine, methods
from citrine_sdk import stubs as committed
from citrine_sdk.stubs import Stubs

ROOT = Path(__file__).parents[2]


def generator() -> dict[str, Any]:
    """Return the names of the script that writes the SDK's list of services."""
    return runpy.run_path(str(ROOT / "clients/sdk/generate_stubs.py"))


def test_the_sdk_has_what_the_contract_has() -> None:
    """It is written from the descriptors; a new service or rpc is in it after `make protos`."""
    assert generator()["written"]() == Path(committed.__file__).read_text(encoding="utf-8")


def test_the_sdk_has_every_service() -> None:
    """Also those whose generated code nobody has imported."""
    files = [file for package in ("api", "events") for file in (ROOT / f"protos/citrine/{package}/v1").glob("*.proto")]
    written = {name for file in files for name in re.findall(r"^service (\w+)", file.read_text(), re.MULTILINE)}

    assert {service.name for service in SERVICES.values()} == written
    assert set(Stubs.__annotations__) == set(SERVICES)
    assert issubclass(Citrine, Stubs)


def test_the_sdk_knows_every_rpc_that_only_reads() -> None:
    assert {(method.service, method.name) for method in methods() if method.is_read} == READS
