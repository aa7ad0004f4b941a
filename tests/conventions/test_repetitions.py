"""Each message of stations says by what a repetition of it is recognised."""

from collections import defaultdict

from citrine_core.blocks import built_in
from citrine_core.dispatch import collect
from citrine_core.dispatch.calls import Deduplication
from tests.support.blocks import services_of


def test_a_repetition_is_recognised_by_the_call_unless_there_is_a_reason() -> None:
    """A handler that has a key of its own proves in its tests that a repetition has no second effect."""
    by: dict[Deduplication, set[str]] = defaultdict(set)
    for message, route in collect(built_in(services_of(None))).calls.items():  # type: ignore[arg-type]  # only asked
        by[route.mark.deduplication].add(message.__name__.removesuffix("Request"))

    # They write nothing; what others are asked for them is asked before.
    assert by[Deduplication.NOT_NEEDED] == {"Heartbeat", "GetCertificateStatus", "Get15118EVCertificate"}
    assert by[Deduplication.BY_KEY] == {"TransactionEvent", "MeterValues", "NotifyEvent", "SecurityEventNotification"}
    assert len(by[Deduplication.BY_CALL]) > 10
