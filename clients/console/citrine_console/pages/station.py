"""The page of one station as it is now: its EVSEs, what charges there, and what is known of it."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from markupsafe import Markup

from citrine.api.v1.availability_pb2 import ListAvailabilitiesRequest
from citrine.api.v1.commands_pb2 import ListCommandsRequest
from citrine.api.v1.meter_values_pb2 import ListSamplesRequest, Sample
from citrine.api.v1.stations_pb2 import GetStationRequest, Station
from citrine.api.v1.tariff_and_cost_pb2 import TransactionCost
from citrine.api.v1.transactions_pb2 import ListTransactionsRequest, Transaction
from citrine.events.v1.events_service_pb2 import ListEventsRequest
from citrine_console.cells import Ago, Card, Code, badge, evse_words, facts, link, muted, segment, two_lines
from citrine_console.formats import enum_word
from citrine_console.live import Page, Region, of_station
from citrine_console.pages.newest_events import newest_events
from citrine_console.pages.overview import EVENTS
from citrine_console.pages.station_tabs import STATION_EVENTS, tab_page
from citrine_console.pages.transaction_cost import cost_series, find_cost
from citrine_console.paging import paging
from citrine_console.plots import Series, lines
from citrine_console.site import Action
from citrine_console.texts import _, noop
from citrine_console.visits import Visit
from citrine_words.event_lines import event_words
from citrine_words.words import detail_words, skew_word

__all__ = ["ACTIONS", "PAGES"]

MOST_RUNNING = 20
"""Running transactions that are shown, each with a plot."""

MOST_SAMPLES = 1000
"""Newest samples that the plot of a running transaction is made of."""

SHOWN_EVENTS = 12

_TRANSACTIONS = ("transaction_started", "transaction_updated", "transaction_ended", "transaction_closed")

_PLOTTED = (
    ("Power.Active.Import", noop("power"), "kW", 0.001),
    ("SoC", "SoC", "%", 1.0),
    ("Energy.Active.Import.Register", noop("meter"), "kWh", 0.001),
)
"""Measurands of the plot of a running transaction: name, unit, and what a value is multiplied with."""


async def _station(visit: Visit) -> Station:
    return await visit.citrine.stations.GetStation(GetStationRequest(station_id=visit["station_id"]))


async def _evses(visit: Visit) -> Mapping[str, object]:
    station = await _station(visit)
    availabilities = []
    if visit.may("ListAvailabilities"):
        request = ListAvailabilitiesRequest(station_id=visit["station_id"], page_size=1000)
        answer = await visit.citrine.availability.ListAvailabilities(request)
        availabilities = [*answer.availabilities]
    connectors = [
        {
            "evse_id": evse.evse_id,
            "connector": connector,
            "detail": detail_words(connector.detail) if connector.HasField("detail") else "",
        }
        for evse in station.evses
        for connector in evse.connectors
    ]
    return {"station": station, "connectors": connectors, "availabilities": availabilities}


async def _running(visit: Visit) -> Mapping[str, object]:
    request = ListTransactionsRequest(station_id=visit["station_id"], active_only=True, page_size=MOST_RUNNING)
    found = (await visit.citrine.transactions.ListTransactions(request)).transactions
    costs, plots = {}, []
    for one in found:
        cost = await find_cost(visit, one.station_id, one.transaction_id)
        costs[one.transaction_id] = ("", "") if cost is None else (cost.cost.total.after_tax, cost.cost.currency)
        if visit.may("ListSamples"):
            plots.append(await _plot(visit, one, cost))
    return {"transactions": found, "costs": costs, "plots": plots}


async def _plot(visit: Visit, transaction: Transaction, cost: TransactionCost | None) -> Markup:
    request = ListSamplesRequest(
        station_id=transaction.station_id,
        transaction_id=transaction.transaction_id,
        page_size=MOST_SAMPLES,
        newest_first=True,
    )
    samples = (await visit.citrine.meter_values.ListSamples(request)).samples
    title = " ".join(filter(None, (evse_words(transaction.evse_id), transaction.transaction_id)))
    series = [
        Series(_(name), points, unit, 2 if unit == "kWh" else 1)
        for measurand, name, unit, factor in _PLOTTED
        if (points := _points(samples, measurand, factor))
    ]
    if cost is not None and (cost_line := await cost_series(visit, cost)) is not None:
        series.append(cost_line)
    return lines(title, series, visit.zone)


def _points(samples: Sequence[Sample], measurand: str, factor: float) -> list[tuple[datetime, float]]:
    """Return the values of a measurand of all phases together, in the order of their times."""
    return sorted(
        (one.time.ToDatetime(tzinfo=UTC), float(one.value) * factor)
        for one in samples
        if not one.sampled_value.HasField("phase")
        and (enum_word(one.sampled_value, "measurand") or "Energy.Active.Import.Register") == measurand
    )


async def _facts(visit: Visit) -> Mapping[str, object]:
    station = await _station(visit)
    hardware = station.hardware
    labels = [Markup('<span class="label">{}={}</span>').format(*pair) for pair in sorted(station.labels.items())]
    groups = [link(f"/stations?group={segment(name)}", name) for name in station.groups]
    location = link(f"/locations/{segment(station.location_id)}", station.location_id) if station.location_id else ""
    certificates = [one for one in station.certificates if not one.HasField("revoke_time")]
    zone = visit.zone
    device = [
        (_("Vendor"), hardware.vendor_name),
        (_("Model"), hardware.model),
        (_("Serial number"), hardware.serial_number),
        (_("Firmware"), hardware.firmware_version),
        (_("Modem"), [Code(text) for text in (hardware.modem.iccid, hardware.modem.imsi) if text]),
        (_("Location"), location),
        (_("Groups"), groups),
        (_("Labels"), labels),
        (_("Registered"), station.create_time),
    ]
    link_facts = [
        (_("OCPP"), [station.ocpp_version, muted(", ".join(station.allowed_versions))]),
        (_("Address"), Code(station.remote_address) if station.remote_address else ""),
        (_("Connected since") if station.connected else _("Last connected"), Ago(station.connect_time)),
        (_("Last seen"), Ago(station.last_seen_time)),
        (_("Booted"), Ago(station.boot_time)),
        (_("Registration"), enum_word(station, "registration")),
        (_("At boot it is"), enum_word(station, "boot_policy")),
        (_("Configuration"), station.configuration_id),
        (_("Clock"), _clock(station)),
    ]
    link_facts += [
        (_("Security profile"), str(station.security_profile or "")),
        (_("Certificate"), Code(station.certificate_name) if station.certificate_name else ""),
        (_("Certificates seen"), len(certificates) or ""),
        (_("First to expire"), min((one.valid_to for one in certificates), key=lambda t: t.seconds, default="")),
        (_("Expired ones are let in"), station.accept_expired_certificate or ""),
        (_("Without password"), badge(_("allowed"), "warn") if station.allow_no_password else ""),
        (_("Refused messages"), _refused(station)),
        (_("Last refused at the door"), _handshake(station, visit)),
    ]
    return {
        "cards": [
            Card(_("Station"), facts(zone, device)),
            Card(_("Connection"), facts(zone, link_facts)),
        ]
    }


def _clock(station: Station) -> object:
    if not station.HasField("clock_skew"):
        return ""
    words = skew_word(station, "clock_skew")
    return [badge(words, "warn") if station.clock_off else words]


def _refused(station: Station) -> object:
    if not station.refused.count:
        return _("none")
    path = f"/refused?station={segment(station.station_id)}"
    return [link(path, f"{station.refused.count:,}"), muted(station.refused.gravest.description[:80])]


def _handshake(station: Station, visit: Visit) -> object:
    if not station.HasField("handshake_refusal"):
        return ""
    refusal = station.handshake_refusal
    return two_lines(Ago(refusal.last_time), f"{enum_word(refusal, 'reason')} {refusal.detail}".strip(), visit.zone)


async def _commands(visit: Visit) -> Mapping[str, object]:
    request = ListCommandsRequest(station_id=visit["station_id"], page_size=10)
    return {"commands": (await visit.citrine.commands.ListCommands(request)).commands}


async def _events(visit: Visit) -> Mapping[str, object]:
    request = ListEventsRequest(
        station_ids=[visit["station_id"]], page_size=SHOWN_EVENTS, page_token=visit.query["events-page"]
    )
    found, before = await newest_events(visit.citrine, request)
    return {"events": [(event, event_words(event)) for event in found], "pages": paging(visit, before, "events")}


PAGES: list[Page] = [
    tab_page(
        "",
        [
            Region(
                "evses",
                "stations/evses.html",
                _evses,
                kinds=(*STATION_EVENTS, "connector_status_changed", "availability_answered"),
                concerns=of_station,
            ),
            Region(
                "running",
                "stations/running.html",
                _running,
                kinds=(*_TRANSACTIONS, "transaction_cost_changed"),
                concerns=of_station,
                needs=("ListTransactions",),
            ),
            Region(
                "facts",
                "parts/columns.html",
                _facts,
                kinds=(*STATION_EVENTS, "messages_refused", "station_clock_changed", "station_refused"),
                concerns=of_station,
                every=60,
            ),
            Region(
                "commands",
                "stations/commands.html",
                _commands,
                kinds=("command_finished",),
                concerns=of_station,
                needs=("ListCommands",),
                every=5,
            ),
            Region(
                "events",
                "stations/events.html",
                _events,
                kinds=EVENTS,
                concerns=of_station,
                needs=("ListEvents",),
            ),
        ],
        template="stations/station.html",
    ),
]

ACTIONS: list[Action] = []
