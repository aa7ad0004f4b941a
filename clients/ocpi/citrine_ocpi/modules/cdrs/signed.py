"""Signed readings of a charge record, as a CDR has them."""

import base64
import binascii
import re

from citrine.api.v1.charge_records_pb2 import ChargeRecord, SignedReading
from citrine_ocpi.modules.charging import Fields

__all__ = ["signed_data"]

LONGEST_VALUE = 5000
LONGEST_KEY = 512
LONGEST_METHOD = 36

_NOT_WRITTEN = re.compile(r"[^\x20-\x7e]")


def signed_data(record: ChargeRecord) -> Fields | None:
    """Return the signed readings of a record. None: it has none, or OCPI has no room for them.

    A reading that is longer than OCPI allows can't be shortened without breaking its signature, so it is left out.
    """
    readings = [("Start", one) for one in record.signed_start] + [("End", one) for one in record.signed_end]
    values = [value for nature, one in readings if (value := _value(nature, one)) is not None]
    if not values:
        return None
    first = readings[0][1].signed_meter_value
    keys = {one.signed_meter_value.public_key for _, one in readings} - {""}
    key = keys.pop() if len(keys) == 1 else ""
    return {
        # It only names the format: what is signed is not touched.
        "encoding_method": _NOT_WRITTEN.sub("?", first.encoding_method[:LONGEST_METHOD]),
        "public_key": key if 0 < len(key) <= LONGEST_KEY else None,
        "signed_values": values,
    }


def _value(nature: str, reading: SignedReading) -> Fields | None:
    signed = reading.signed_meter_value.signed_meter_data
    try:
        plain = base64.b64decode(signed, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        # Some stations send the text itself.
        plain, signed = signed, base64.b64encode(signed.encode()).decode()
    if not plain.isprintable():
        plain = ""
    if len(signed) > LONGEST_VALUE or len(plain) > LONGEST_VALUE:
        return None
    return {"nature": nature, "plain_data": plain, "signed_data": signed}
