"""The steps of a station from its boot to its configuration, each kept in its row.

REPORTING -> SETTING -> RESETTING -> CHECKING -> DONE, without those that it does not need; a station that is Pending
is asked to boot again (BOOTING) so that it can be accepted, or HELD where it refused what it must not.
"""

from datetime import datetime

from citrine.api.v1 import configurations_pb2 as pb
from citrine.api.v1.configurations_pb2 import ProvisioningState
from citrine.api.v1.stations_pb2 import BootPolicy
from citrine.events.v1.events_pb2 import Event, ProvisioningChanged
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine_core.blocks.provisioning.configuration.contents import (
    refused,
    results_of,
    store_results,
    waits_for_reboot,
)
from citrine_core.db import UnitOfWork
from citrine_core.resources.configurations import Provisioning
from citrine_core.resources.stations.models import Station
from citrine_core.status_info import LONGEST_PROBLEM

__all__ = ["Steps", "first_step"]

_ENDS = frozenset({pb.PROVISIONING_STATE_DONE, pb.PROVISIONING_STATE_HELD, pb.PROVISIONING_STATE_FAILED})


def first_step(content: pb.Configuration) -> pb.ProvisioningState.ValueType:
    """Return where a configuration begins."""
    return pb.PROVISIONING_STATE_REPORTING if content.HasField("base_report") else pb.PROVISIONING_STATE_SETTING


class Steps:
    """Takes one station from step to step, in the transaction that gives the reason.

    Args:
        work: The transaction.
        row: How far the station is; locked.
        now: The time.
    """

    def __init__(self, work: UnitOfWork, row: Provisioning, now: datetime) -> None:
        self._work = work
        self._row = row
        self._now = now

    def begin(self, configuration_id: str, content: pb.Configuration, digest: str) -> None:
        """Begin with a configuration, whatever the station was at. It is reset only where it is Pending."""
        row = self._row
        row.configuration_id, row.digest = configuration_id, digest
        row.results, row.problem = b"", ""
        row.may_reset = row.everything = False
        row.start_time = self._now
        self.go(first_step(content))

    def go(self, state: pb.ProvisioningState.ValueType, problem: str = "") -> None:
        """Go to a step, which is due at once, or to an end."""
        row = self._row
        if problem:
            row.problem = f"{row.problem}; {problem}".removeprefix("; ")[:LONGEST_PROBLEM]
        row.state, row.attempts, row.report_request_id = state, 0, None
        row.update_time = self._now
        row.finish_time = self._now if state in _ENDS else None
        row.next_time = None if state in _ENDS else self._now
        self._publish()

    def wait(self, until: datetime | None) -> None:
        """Leave the step to the station, until a time or as long as it takes."""
        self._row.next_time = until

    def touch(self) -> None:
        """Take note that something is asked of the station now."""
        self._row.update_time = self._now

    def settled(self, station: Station, content: pb.Configuration) -> None:
        """Go on where there is nothing more to set."""
        results = results_of(self._row).values()
        # One that is not accepted has nothing to lose by a restart.
        may_reset = self._row.may_reset or station.registration == ocpp.REGISTRATION_STATUS_ENUM_PENDING
        if is_pending(station) and content.hold_refused and refused(results):
            self.go(pb.PROVISIONING_STATE_HELD)
        elif waits_for_reboot(results) and may_reset:
            self.go(pb.PROVISIONING_STATE_RESETTING)
        else:
            self.accept(station)

    def rebooted(self) -> bool:
        """Take note that the station rebooted; return whether that is what a variable waited for."""
        results = results_of(self._row)
        waiting = waits_for_reboot(results.values())
        for result in waiting:
            result.status = ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
        if waiting:
            store_results(self._row, results.values())
            self.go(pb.PROVISIONING_STATE_CHECKING)
        return bool(waiting)

    def accept(self, station: Station, problem: str = "") -> None:
        """Have a station that is Pending boot again, so that it is accepted; any other is done."""
        self.go(pb.PROVISIONING_STATE_BOOTING if is_pending(station) else pb.PROVISIONING_STATE_DONE, problem)

    def give_up(self, station: Station, content: pb.Configuration, problem: str) -> None:
        """Go on where a step can't be done."""
        match self._row.state:
            case pb.PROVISIONING_STATE_REPORTING:
                self.go(pb.PROVISIONING_STATE_SETTING, problem)
            case pb.PROVISIONING_STATE_BOOTING:
                # It boots again when the interval is over.
                self.wait(None)
            case pb.PROVISIONING_STATE_CHECKING:
                self.go(pb.PROVISIONING_STATE_DONE, problem)
            case _ if is_pending(station) and not content.hold_refused:
                # A station that may charge with another value is worth more than one that may not charge at all.
                self.accept(station, problem)
            case pb.PROVISIONING_STATE_RESETTING:
                self.go(pb.PROVISIONING_STATE_DONE, problem)
            case _:
                self.go(pb.PROVISIONING_STATE_FAILED, problem)

    def _publish(self) -> None:
        row = self._row
        body = ProvisioningChanged(
            configuration_id=row.configuration_id,
            state=ProvisioningState.ValueType(row.state),
            problem=row.problem,
            refused=len(refused(results_of(row).values())),
        )
        self._work.emit(Event(tenant_id=row.tenant_id, station_id=row.station_id, provisioning_changed=body))


def is_pending(station: Station) -> bool:
    """Return whether a station waits for its configuration to be accepted."""
    return (
        station.registration == ocpp.REGISTRATION_STATUS_ENUM_PENDING
        and station.boot_policy == BootPolicy.BOOT_POLICY_CONFIGURED
    )
