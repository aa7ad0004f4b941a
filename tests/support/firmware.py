"""Firmware that tests ask stations to take."""

from citrine.ocpp.v2 import firmware_management_pb2 as ocpp

__all__ = ["CERTIFICATE", "LOCATION", "SIGNATURE", "signed_firmware"]

LOCATION = "https://firmware.example/one-2.0.bin"

SIGNATURE = "c2lnbmF0dXJlIG9mIHRoZSBmaXJtd2FyZQ=="

CERTIFICATE = """\
-----BEGIN CERTIFICATE-----
MIIBsTCCAVegAwIBAgIUblpbLwZIBRF4oeru2lkDdARQy/wwCgYIKoZIzj0EAwIw
LTEQMA4GA1UECgwHRXhhbXBsZTEZMBcGA1UEAwwQRmlybXdhcmUgc2lnbmluZzAg
Fw0yNjExMjIyMjQwNDlaGA8yMTI2MTAyOTIyNDA0OVowLTEQMA4GA1UECgwHRXhh
bXBsZTEZMBcGA1UEAwwQRmlybXdhcmUgc2lnbmluZzBZMBMGByqGSM49AgEGCCqG
SM49AwEHA0IABHyNC5Ju2H9TXYvOtfvT0s94HHMusRkhdS/uAnEBf63bjzWOCqH0
fe18VN+5Hdb/G43qVBODsATEc8xRkDloEhajUzBRMB0GA1UdDgQWBBSQDsq/wamJ
gekh+1uWugB07scKJzAfBgNVHSMEGDAWgBSQDsq/wamJgekh+1uWugB07scKJzAP
BgNVHRMBAf8EBTADAQH/MAoGCCqGSM49BAMCA0gAMEUCIQCGW0xfhyWnDnu5F0FY
pJldaEQDH5TvWcbPauQzP1OyxQIgCbgYMMRVA2W+9DYtqwXPRxRGfjBW0Rkmu7bW
IOANEDg=
-----END CERTIFICATE-----
"""
"""A certificate that nothing is signed with."""


def signed_firmware() -> ocpp.Firmware:
    """Return firmware with its signing certificate and signature."""
    return ocpp.Firmware(location=LOCATION, signing_certificate=CERTIFICATE, signature=SIGNATURE)
