"""Meter values of OCPP 1.6, as arguments of the canonical messages.

A value is text in 1.6 and a number in the canonical message. Signed data (``format: SignedData``) is opaque: it goes
into the signedMeterValue untouched. Where its number is not said beside it, the value is 0 of the unit "SignedData",
which is no energy and counts nowhere.
"""

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from google.protobuf.timestamp_pb2 import Timestamp

from citrine.ocpp.v2.types_pb2 import LocationEnum, MeasurandEnum, PhaseEnum, ReadingContextEnum
from citrine_edge.dialects.v16 import values
from citrine_edge.dialects.v16.tables import CONTEXTS, LOCATIONS, MEASURANDS, PHASES, UNITS
from citrine_edge.ocppj import RpcError

__all__ = ["SIGNED_UNIT", "BadSample", "latest_time", "register", "translated"]

SIGNED_UNIT = "SignedData"
"""Unit of the value of a signed sample whose number is only within the signed data."""

Arguments = dict[str, Any]
"""Arguments of a message's constructor."""

BadSample = Callable[[RpcError], None]
"""Called with the defect of a sample that is left out."""

_SIGNED_FIELDS = (
    ("signed_meter_data", "signedMeterData"),
    ("encoding_method", "encodingMethod"),
    ("signing_method", "signingMethod"),
    ("public_key", "publicKey"),
)

_REGISTER = int(MeasurandEnum.MEASURAND_ENUM_ENERGY_ACTIVE_IMPORT_REGISTER)


def translated(
    meter_values: list[dict[str, Any]], path: str, context: int | None = None, bad_sample: BadSample | None = None
) -> list[Arguments]:
    """Return meter values, without those that have no samples.

    Args:
        meter_values: As in the payload, valid by the schema.
        path: JSON pointer to them.
        context: ReadingContextEnum of samples that name none. None: as the canonical message has it, Sample.Periodic.
        bad_sample: Called with the defect of a sample whose value is no number, which is left out. None: it is raised.

    Raises:
        RpcError: With the path of a time or value that can't be read.
    """
    found = []
    for place, meter_value in enumerate(meter_values):
        here = f"{path}/{place}"
        time = values.time(meter_value["timestamp"], f"{here}/timestamp")
        samples = _samples(meter_value["sampledValue"], f"{here}/sampledValue", context, bad_sample)
        if samples:
            found.append({"timestamp": time, "sampled_value": samples})
    return found


def register(wh: float, time: Timestamp, context: int) -> Arguments:
    """Return the reading of the energy register in meterStart or meterStop."""
    sample = {"value": float(wh), "measurand": _REGISTER, "context": context, "unit_of_measure": {"unit": "Wh"}}
    return {"timestamp": time, "sampled_value": [sample]}


def latest_time(meter_values: list[Arguments]) -> Timestamp:
    """Return the latest time of meter values."""
    latest: Timestamp = max((each["timestamp"] for each in meter_values), key=lambda time: (time.seconds, time.nanos))
    return latest


def _samples(
    sampled_values: list[dict[str, Any]], path: str, context: int | None, bad_sample: BadSample | None
) -> list[Arguments]:
    samples: list[Arguments] = []
    signed: list[tuple[Arguments, Arguments]] = []
    for place, sampled in enumerate(sampled_values):
        sample = _attributes(sampled, context)
        if sampled.get("format") == "SignedData":
            signed.append((sample, _signed(sampled["value"])))
            continue
        try:
            sample["value"] = values.number(sampled["value"], f"{path}/{place}/value")
        except RpcError as error:
            if bad_sample is None:
                raise
            bad_sample(error)
        else:
            samples.append(sample)
    for attributes, signature in signed:
        _add_signed(samples, attributes, signature)
    return samples


def _attributes(sampled: Mapping[str, Any], context: int | None) -> Arguments:
    sample: Arguments = {}
    said = sampled.get("context")
    if said is not None:
        sample["context"] = CONTEXTS[said]
    elif context is not None:
        sample["context"] = context
    if (measurand := sampled.get("measurand")) is not None:
        sample["measurand"] = MEASURANDS[measurand]
    if (phase := sampled.get("phase")) is not None:
        sample["phase"] = PHASES[phase]
    if (location := sampled.get("location")) is not None:
        sample["location"] = LOCATIONS[location]
    if (unit := sampled.get("unit")) is not None:
        sample["unit_of_measure"] = {"unit": UNITS.get(unit, unit)}
    return sample


def _signed(data: str) -> Arguments:
    """Return the signedMeterValue: as the signed meter values whitepaper has it in JSON, else the data as it is."""
    try:
        content = orjson.loads(data)
    except orjson.JSONDecodeError:
        content = None
    if type(content) is not dict or type(content.get("signedMeterData")) is not str:
        return {"signed_meter_data": data, "encoding_method": ""}
    fields = {field: content[name] for field, name in _SIGNED_FIELDS if type(content.get(name)) is str}
    return {"encoding_method": "", **fields}


def _add_signed(samples: list[Arguments], attributes: Arguments, signature: Arguments) -> None:
    """Add signed data to the sample of the number that it signs, or as a sample of its own."""
    for sample in samples:
        if "signed_meter_value" not in sample and _series(sample) == _series(attributes):
            sample["signed_meter_value"] = signature
            return
    samples.append(
        {**attributes, "value": 0.0, "unit_of_measure": {"unit": SIGNED_UNIT}, "signed_meter_value": signature}
    )


def _series(sample: Mapping[str, Any]) -> tuple[int, int, int, int]:
    """Return what a sample measures, with the defaults of OCPP for what it leaves out."""
    return (
        sample.get("measurand", _REGISTER),
        sample.get("context", int(ReadingContextEnum.READING_CONTEXT_ENUM_SAMPLE_PERIODIC)),
        sample.get("phase", int(PhaseEnum.PHASE_ENUM_UNSPECIFIED)),
        sample.get("location", int(LocationEnum.LOCATION_ENUM_OUTLET)),
    )
