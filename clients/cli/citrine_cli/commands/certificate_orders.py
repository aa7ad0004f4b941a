"""`citrine certificate orders`, `order`, `issued` and `revoke`: certificates that stations ordered for themselves."""

from typing import Annotated

import typer

from citrine.api.v1.security_pb2 import (
    CERTIFICATE_ORDER_STATE_UNSPECIFIED,
    CertificateOrder,
    CertificateOrderState,
    GetCertificateOrderRequest,
    ListCertificateOrdersRequest,
    ListIssuedCertificatesRequest,
)
from citrine.api.v1.stations_pb2 import RevokeStationCertificateRequest
from citrine_cli.client import Client, Limit, client_command, collect
from citrine_cli.consent import Yes, ask_consent
from citrine_cli.filters import FromOption, ToOption, range_of
from citrine_cli.named_things import check_station
from citrine_cli.station_selectors import AtLocation, InGroup, WithLabel, station_selector
from citrine_cli.targets import Station, choice
from citrine_words.cells import State
from citrine_words.enums import words_of
from citrine_words.words import enum_word, time_word

__all__ = ["add_order_commands"]

_STATES = words_of(CertificateOrderState.items(), "CERTIFICATE_ORDER_STATE_")

OfStation = Annotated[str, typer.Option("--station", metavar="STATION", help="Only of this station.")]


def add_order_commands(app: typer.Typer) -> None:
    """Add the commands to `citrine certificate`."""
    client_command(app, "orders")(list_orders)
    client_command(app, "order")(show_order)
    client_command(app, "issued")(list_issued)
    client_command(app, "revoke")(revoke_certificate)


async def list_orders(
    client: Client,
    station: OfStation = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help=f"One of {', '.join(_STATES)}.")] = "",
    begin: FromOption = "",
    end: ToOption = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List certificates that stations ordered, the latest order first."""
    wanted = choice("--state", _STATES, state) if state else CERTIFICATE_ORDER_STATE_UNSPECIFIED
    request = ListCertificateOrdersRequest(
        create_time=range_of(begin, end),
        station_id=station,
        state=wanted,
        stations=station_selector(location, group, label),
    )
    if station:
        await check_station(client, station)
    pages = collect(client.citrine.security.ListCertificateOrders, request, limit)
    found = [one async for page in pages for one in page.certificate_orders]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["order", "station", "type", "state", "ordered", "reason"],
        (
            [
                one.order_id,
                one.station_id,
                _type(one),
                State(enum_word(one, "state")),
                time_word(one, "create_time"),
                one.reason,
            ]
            for one in found
        ),
        empty="no orders",
        remark="reason",
    )


async def show_order(
    client: Client, order_id: Annotated[str, typer.Argument(metavar="ORDER", help="Id of the order.")]
) -> None:
    """Show an order. With --json also the request and the certificate."""
    found = await client.citrine.security.GetCertificateOrder(GetCertificateOrderRequest(order_id=order_id))
    if client.out.as_json:
        client.out.message(found)
        return
    client.out.facts(
        {
            "order": found.order_id,
            "station": found.station_id,
            "type": _type(found),
            "state": State(enum_word(found, "state")),
            "reason": found.reason,
            "common name": found.common_name,
            "fingerprint": found.fingerprint,
            "failed attempts": str(found.attempts or ""),
            "ordered": time_word(found, "create_time"),
            "changed": time_word(found, "update_time"),
            "ended": time_word(found, "finish_time"),
            "next attempt": time_word(found, "next_time"),
        }
    )


async def list_issued(
    client: Client,
    station: OfStation = "",
    location: AtLocation = None,
    group: InGroup = None,
    label: WithLabel = None,
    limit: Limit = 0,
) -> None:
    """List the certificates that stations were given, the latest first."""
    if station:
        await check_station(client, station)
    request = ListIssuedCertificatesRequest(station_id=station, stations=station_selector(location, group, label))
    pages = collect(client.citrine.security.ListIssuedCertificates, request, limit)
    found = [one async for page in pages for one in page.issued_certificates]
    if client.out.as_json:
        client.out.messages(found)
        return
    client.out.table(
        ["station", "fingerprint", "type", "state", "valid until", "revoked", "renewed"],
        (
            [
                one.station_id,
                one.fingerprint,
                enum_word(one, "certificate_type") or "combined",
                State(enum_word(one, "state")),
                time_word(one, "valid_to"),
                time_word(one, "revoke_time"),
                time_word(one, "renew_time"),
            ]
            for one in found
        ),
        empty="no certificates",
    )


async def revoke_certificate(
    client: Client,
    station: Station,
    fingerprint: Annotated[str, typer.Argument(metavar="FINGERPRINT", help="SHA-256 of the certificate.")],
    yes: Yes = False,
) -> None:
    """Revoke a certificate of a station: nobody is let in by it any more.

    It is one that the station was given, or connected with. If it connected with it, its websocket is closed.
    """

    async def look() -> None:
        await check_station(client, station)

    question = f"revoke certificate {fingerprint} of {station}? The station can't connect by it any more."
    await ask_consent(question, yes=yes, look=look)
    sha256 = fingerprint.replace(":", "").lower()
    request = RevokeStationCertificateRequest(station_id=station, certificate_sha256=sha256)
    revoked = await client.citrine.stations.RevokeStationCertificate(request)
    if client.out.as_json:
        client.out.message(revoked)
        return
    client.out.line(f"certificate {sha256} of {station} revoked")


def _type(order: CertificateOrder) -> str:
    return enum_word(order, "certificate_type") or "combined"
