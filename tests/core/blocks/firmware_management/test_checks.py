"""What can be seen to be wrong with firmware."""

from typing import Any

import pytest

from citrine.ocpp.v2 import firmware_management_pb2 as ocpp
from citrine_core.blocks.firmware_management.checks import check_firmware
from citrine_core.errors import InvalidArgument
from tests.support.firmware import CERTIFICATE, LOCATION, SIGNATURE, signed_firmware


@pytest.mark.parametrize(
    ("firmware", "field"),
    [
        pytest.param({"location": ""}, "location", id="no-location"),
        pytest.param({"location": "firmware.bin"}, "location", id="no-uri"),
        pytest.param({"signature": SIGNATURE}, "signing_certificate", id="signature-alone"),
        pytest.param({"signing_certificate": CERTIFICATE}, "signature", id="certificate-alone"),
        pytest.param({"location": "file:///firmware.bin"}, "location", id="scheme"),
        pytest.param({"signing_certificate": CERTIFICATE, "signature": "no base64"}, "signature", id="no-signature"),
        pytest.param({"signing_certificate": CERTIFICATE, "signature": "A" * 801}, "signature", id="long-signature"),
    ],
)
def test_firmware_that_can_not_be_right_is_refused(firmware: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidArgument) as refused:
        check_firmware("firmware", ocpp.Firmware(**{"location": LOCATION, **firmware}))

    assert refused.value.field == f"firmware.{field}"


def test_firmware_is_signed_or_not() -> None:
    check_firmware("firmware", signed_firmware())
    check_firmware("firmware", ocpp.Firmware(location=LOCATION))
