"""Locations of OCPI 2.2.1: where EVSEs are, what they can do, and what they do now."""

from typing import Annotated

from annotated_types import MaxLen
from pydantic import Field

from citrine_ocpi.models.types import (
    CiString,
    CiString2,
    CiString3,
    CiString36,
    CiString48,
    DateTime,
    DisplayText,
    Many,
    Number,
    OcpiModel,
    Some,
    String,
    Url,
)
from citrine_ocpi.models.v2_2_1.location_enums import (
    Capability,
    ConnectorFormat,
    ConnectorType,
    EnergySourceCategory,
    EnvironmentalImpactCategory,
    Facility,
    ImageCategory,
    ParkingRestriction,
    ParkingType,
    PowerType,
    Status,
)
from citrine_ocpi.models.v2_2_1.tokens import TokenType

__all__ = [
    "EVSE",
    "AdditionalGeoLocation",
    "BusinessDetails",
    "Capability",
    "Connector",
    "ConnectorBase",
    "ConnectorFormat",
    "ConnectorType",
    "EnergyMix",
    "EnergySource",
    "EnergySourceCategory",
    "EnvironmentalImpact",
    "EnvironmentalImpactCategory",
    "EvseBase",
    "ExceptionalPeriod",
    "Facility",
    "GeoLocation",
    "Hours",
    "Image",
    "ImageCategory",
    "Location",
    "LocationBase",
    "ParkingRestriction",
    "ParkingType",
    "PowerType",
    "PublishTokenBase",
    "PublishTokenType",
    "RegularHours",
    "Status",
    "StatusSchedule",
]


class GeoLocation(OcpiModel):
    """A point on earth, in decimal degrees of WGS 84."""

    latitude: Annotated[String, MaxLen(10)]
    longitude: Annotated[String, MaxLen(11)]


class AdditionalGeoLocation(OcpiModel):
    """A point near a location, and what it is."""

    latitude: Annotated[String, MaxLen(10)]
    longitude: Annotated[String, MaxLen(11)]
    name: DisplayText | None = None


class Image(OcpiModel):
    """Where an image is, and what it shows."""

    url: Url
    thumbnail: Url | None = None
    category: ImageCategory
    type: Annotated[CiString, MaxLen(4)]
    width: Annotated[int, Field(ge=0, le=99999)] | None = None
    height: Annotated[int, Field(ge=0, le=99999)] | None = None


class BusinessDetails(OcpiModel):
    """The name of a company, its page and its logo."""

    name: Annotated[String, MaxLen(100)]
    website: Url | None = None
    logo: Image | None = None


class EnergySource(OcpiModel):
    """How much of the power is made of what."""

    source: EnergySourceCategory
    percentage: Number


class EnvironmentalImpact(OcpiModel):
    """How many grams of what a kWh leaves behind."""

    category: EnvironmentalImpactCategory
    amount: Number


class EnergyMix(OcpiModel):
    """Where the power comes from."""

    is_green_energy: bool
    energy_sources: Many[EnergySource] = ()
    environ_impact: Many[EnvironmentalImpact] = ()
    supplier_name: Annotated[String, MaxLen(64)] | None = None
    energy_product_name: Annotated[String, MaxLen(64)] | None = None


class RegularHours(OcpiModel):
    """From when to when it is open on a day of each week."""

    weekday: Annotated[int, Field(ge=1, le=7)]
    period_begin: Annotated[String, MaxLen(5)]
    period_end: Annotated[String, MaxLen(5)]


class ExceptionalPeriod(OcpiModel):
    """A time that goes before the hours of each week."""

    period_begin: DateTime
    period_end: DateTime


class Hours(OcpiModel):
    """When a location is open."""

    twentyfourseven: bool
    regular_hours: Many[RegularHours] = ()
    exceptional_openings: Many[ExceptionalPeriod] = ()
    exceptional_closings: Many[ExceptionalPeriod] = ()


class StatusSchedule(OcpiModel):
    """What an EVSE is planned to do."""

    period_begin: DateTime
    period_end: DateTime | None = None
    status: Status


class PublishTokenBase(OcpiModel):
    """What is the same in all versions of a PublishTokenType."""

    uid: CiString36 | None = None
    visual_number: Annotated[String, MaxLen(64)] | None = None
    issuer: Annotated[String, MaxLen(64)] | None = None
    group_id: CiString36 | None = None


class PublishTokenType(PublishTokenBase):
    """Tokens whose owners may see a location that is not published."""

    type: TokenType | None = None


class ConnectorBase(OcpiModel):
    """What is the same in all versions of a Connector."""

    id: CiString36
    format: ConnectorFormat
    power_type: PowerType
    max_voltage: int
    max_amperage: int
    max_electric_power: int | None = None
    tariff_ids: Many[CiString36] = ()
    terms_and_conditions: Url | None = None
    last_updated: DateTime


class Connector(ConnectorBase):
    """A socket or cable of an EVSE."""

    standard: ConnectorType


class EvseBase(OcpiModel):
    """What is the same in all versions of an EVSE."""

    uid: CiString36
    evse_id: CiString48 | None = None
    status: Status
    status_schedule: Many[StatusSchedule] = ()
    capabilities: Many[Capability] = ()
    floor_level: Annotated[String, MaxLen(4)] | None = None
    coordinates: GeoLocation | None = None
    physical_reference: Annotated[String, MaxLen(16)] | None = None
    directions: Many[DisplayText] = ()
    images: Many[Image] = ()
    last_updated: DateTime


class EVSE(EvseBase):
    """What supplies one EV at a time."""

    connectors: Some[Connector]
    parking_restrictions: Many[ParkingRestriction] = ()


class LocationBase(OcpiModel):
    """What is the same in all versions of a Location."""

    country_code: CiString2
    party_id: CiString3
    id: CiString36
    publish: bool
    name: Annotated[String, MaxLen(255)] | None = None
    address: Annotated[String, MaxLen(255)]
    city: Annotated[String, MaxLen(45)]
    postal_code: Annotated[String, MaxLen(10)] | None = None
    state: Annotated[String, MaxLen(45)] | None = None
    country: Annotated[String, MaxLen(3)]
    coordinates: GeoLocation
    related_locations: Many[AdditionalGeoLocation] = ()
    parking_type: ParkingType | None = None
    directions: Many[DisplayText] = ()
    operator: BusinessDetails | None = None
    suboperator: BusinessDetails | None = None
    owner: BusinessDetails | None = None
    facilities: Many[Facility] = ()
    time_zone: Annotated[String, MaxLen(255)]
    opening_times: Hours | None = None
    charging_when_closed: bool | None = None
    images: Many[Image] = ()
    energy_mix: EnergyMix | None = None
    last_updated: DateTime


class Location(LocationBase):
    """A place with EVSEs that belong together."""

    publish_allowed_to: Many[PublishTokenType] = ()
    evses: Many[EVSE] = ()
