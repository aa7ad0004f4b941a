"""Settings of a core process that say how long it retains what."""

from datetime import timedelta

from pydantic import BaseModel, Field

from citrine_process.settings import Duration, DurationOrNone

__all__ = ["RetentionSettings"]


class RetentionSettings(BaseModel):
    """How long rows are retained. `citrine_core.retention` says which setting is about which table."""

    event_retention: Duration = Field(default=timedelta(days=7), gt=timedelta(0), le=timedelta(days=36525))
    """How long events can be resumed from. What is older is removed within hours, on PostgreSQL by the day."""

    deduplication_retention: Duration = Field(
        default=timedelta(days=30), ge=timedelta(days=1), le=timedelta(days=36525)
    )
    """How long meter values, notified events and security events that a station resends are recognised."""

    meter_value_retention: DurationOrNone = Field(default=None, gt=timedelta(0), le=timedelta(days=36525))
    """How long meter values are retained, by the time that the station gave them. "none": for ever.

    What is older is removed within hours: on PostgreSQL by the month, once all of it is older. Transactions keep their
    energy and their events.
    """

    command_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long commands are retained after their end. "none": for ever.

    On PostgreSQL they are removed by the month in which they were made, once all of them are older.
    """

    transaction_event_retention: DurationOrNone = Field(default=None, ge=timedelta(days=30), le=timedelta(days=36525))
    """How long the events of transactions are retained after the settlement, signed meter values included. "none": for
    ever.

    Transactions and their costs stay. Without its events a transaction is final: it is not corrected any more. One that
    is not settled retains its events, however old they are. Ends of transactions that nobody began here are retained as
    long, from their arrival on.
    """

    connector_status_retention: DurationOrNone = Field(default=None, gt=timedelta(0), le=timedelta(days=36525))
    """How long the history of connectors is retained, by the time that the station gave it. "none": for ever.

    On PostgreSQL it is removed by the month. What a connector is now stays.
    """

    history_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long it is retained which station was connected when, and how it was decided on tokens. "none": for ever."""

    activity_retention: DurationOrNone = Field(
        default=timedelta(days=400), ge=timedelta(days=1), le=timedelta(days=36525)
    )
    """How long it is retained what was done with stations and what they reported, after its end: resets, remote starts,
    reservations, charging profiles, updates, orders of certificates, messages on displays, data of vendors, events of
    devices and of security, poisoned messages. "none": for ever."""

    billing_retention: DurationOrNone = Field(
        default=timedelta(days=3653), ge=timedelta(days=365), le=timedelta(days=36525)
    )
    """How long transactions are retained after their settlement, with their events, costs, corrections and charge
    records; and what reservations cost. "none": for ever.

    The default is ten years, as the law of many countries wants at most. What is removed is logged.
    """

    statistics_retention: DurationOrNone = Field(
        default=timedelta(days=3653), ge=timedelta(days=31), le=timedelta(days=36525)
    )
    """How long statistics are retained. They need nothing of what they were counted of. "none": for ever."""

    erasure_retains_charge_records: bool = False
    """Whether charge records of a person whose data is erased are retained as they are, as the law of some countries
    wants. False: a pseudonym takes the place of the ids in them, too."""

    audit_retention: DurationOrNone = Field(
        default=timedelta(days=400), ge=timedelta(days=30), le=timedelta(days=36525)
    )
    """How long the audit is retained: who changed what, and who was denied. "none": for ever."""

    report_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long reports and their parts are retained after the last part. "none": for ever. What they reported stays."""

    refusal_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long the record of what was refused of stations' messages, and of stations that were not let in, is retained
    after the last of its kind. "none": for ever."""

    custom_data_retention: DurationOrNone = Field(default=timedelta(days=90), gt=timedelta(0), le=timedelta(days=36525))
    """How long messages with custom data are retained that their block does not store whole. "none": for ever."""
