"""Every list of the contract: pages, what each element is got by, and which stations it is of."""

from collections.abc import Iterator

import pytest
from google.protobuf.descriptor import MethodDescriptor

from tests.support.contract import rpcs

OF_ONE = "a part of one thing, which its list must name"
COUNTED = "nothing stored: counted or defined"
NO_ID = "has no id, and all of it is in its list, which is asked for one station or one of what it is of"

WITHOUT_GET = {
    "FirmwareCampaignStation": OF_ONE,
    "FirmwarePublicationStatus": OF_ONE,
    "FirmwareStatus": OF_ONE,
    "LocalListEntry": OF_ONE,
    "NetworkProfile": OF_ONE,
    "OperationResult": OF_ONE,
    "ReportPart": OF_ONE,
    "Sample": OF_ONE,
    "TransactionEvent": OF_ONE,
    "Variable": OF_ONE,
    "UnsettledTransaction": "its transaction is what GetTransaction returns",
    "Event": "read on from a token",
    "Role": COUNTED,
    "SeriesPoint": COUNTED,
    "StationGroup": COUNTED,
    "StationLabel": COUNTED,
    "HandshakeRefusal": NO_ID,
    "InstalledCertificate": NO_ID,
    "Refusal": NO_ID,
    "SettlementAction": NO_ID,
    "UnmatchedEnd": NO_ID,
    "TokenOwnerSuspension": "there are few of a tenant",
}
"""Elements of lists that no Get returns, and why."""

OF_ONE_STATION = {
    *("ListConnectorStatuses", "ListFirmwareStatuses", "ListFirmwarePublicationStatuses", "ListLocalListEntries"),
    *("ListNetworkProfiles", "ListReportParts", "ListSamples", "ListTransactionEvents", "ListVariables"),
}
"""Lists that need a station."""

WITHOUT_SELECTION = {
    # A refused id needs not be a station's, an action is by a transaction, an assignment is for a station or a token.
    *("ListHandshakeRefusals", "ListSettlementActions", "ListTariffAssignments"),
    # Of a location, of which the EVSEs may be at one station.
    "ListLocationEvses",
    # There are few.
    "ListPoisonedMessages",
}
"""Lists that may be asked for one station, and not for a selection."""


BY_SELECTION_ALONE = {
    *("ListConnections", "ListDriftReports", "ListLocalLists", "ListProvisionings", "ListSeries", "ListStations"),
}
"""Lists that name stations by a selection, which may be of one."""


def lists() -> Iterator[MethodDescriptor]:
    yield from rpcs()


def shown_by(method: MethodDescriptor) -> str:
    """Return the name of what a list shows."""
    [shown] = [field for field in method.output_type.fields if field.message_type is not None and field.is_repeated]
    assert shown.message_type is not None
    return shown.message_type.name


GOT = {method.output_type.name for method in lists() if method.name.startswith("Get")}
LISTS = [method for method in lists() if method.name.startswith("List")]


@pytest.mark.parametrize("method", LISTS, ids=lambda method: method.name)
def test_what_a_list_shows_can_be_got(method: MethodDescriptor) -> None:
    assert (shown_by(method) in GOT) != (shown_by(method) in WITHOUT_GET)


@pytest.mark.parametrize("method", LISTS, ids=lambda method: method.name)
def test_a_list_of_stations_things_is_asked_for_a_selection_of_them(method: MethodDescriptor) -> None:
    fields = method.input_type.fields_by_name
    may_name_one = "station_id" in fields and method.name not in OF_ONE_STATION | WITHOUT_SELECTION

    assert ("stations" in fields) == (may_name_one or method.name in BY_SELECTION_ALONE)


def test_no_exception_is_of_the_past() -> None:
    names = {method.name for method in LISTS}

    assert set(map(shown_by, LISTS)) >= WITHOUT_GET.keys()
    assert names >= OF_ONE_STATION | WITHOUT_SELECTION | BY_SELECTION_ALONE
