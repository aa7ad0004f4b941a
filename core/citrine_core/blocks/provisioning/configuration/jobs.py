"""Does the next step of each station that is configured: asks for its report, sets its variables, resets it.

What is next is in the row of the station, so that a core that crashes loses nothing: what it had taken is due again
after a while, for any core.
"""

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from google.protobuf.duration_pb2 import Duration

from citrine.api.v1 import configurations_pb2 as pb
from citrine.api.v1.common_pb2 import CommandTarget
from citrine.api.v1.reports_pb2 import REPORT_KIND_DEVICE_MODEL
from citrine.ocpp.v2 import provisioning_pb2 as ocpp
from citrine.ocpp.v2.remote_control_pb2 import MESSAGE_TRIGGER_ENUM_BOOT_NOTIFICATION, TriggerMessageRequest
from citrine.ocpp.v2.types_pb2 import GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED
from citrine_core.background import waits_for_database
from citrine_core.blocks.provisioning.configuration.contents import (
    content_of,
    key_of_data,
    results_of,
    store_results,
)
from citrine_core.blocks.provisioning.configuration.drift import remaining
from citrine_core.blocks.provisioning.configuration.repository import ActualRepository
from citrine_core.blocks.provisioning.configuration.steps import Steps
from citrine_core.blocks.provisioning.message_splitting import PieceSender
from citrine_core.db import UnitOfWork
from citrine_core.errors import (
    AnswerRefused,
    CoreError,
    DatabaseUnavailable,
    InvalidArgument,
    NotSupported,
    StationError,
    StationUnavailable,
)
from citrine_core.ids import new_request_id
from citrine_core.jobs import Job
from citrine_core.resources.configurations import (
    ConfigurationRepository,
    DueStation,
    Provisioning,
    ProvisioningRepository,
)
from citrine_core.resources.connections import ConnectionRepository
from citrine_core.resources.reports import ReportRequests
from citrine_core.resources.stations.models import Station
from citrine_core.rpc import system_caller
from citrine_core.services import Services
from citrine_core.status_info import problem_of

__all__ = ["Provisioner"]

logger = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=2)
"""Time from one look for steps that are due to the next."""

PARALLEL = 32
"""Stations that one core has under way at a time."""

ANSWER_TIME = timedelta(seconds=30)
"""How long a station may take for each command."""

LEASE = timedelta(seconds=60)
"""After this a step that a core took, and did not renew, is due again: the core is gone."""

ATTEMPTS = 3
"""How often a step is tried."""

BOOT_TIME = timedelta(seconds=20)
"""How long a station that has just connected has to boot by itself, before it is asked."""

RETRY = timedelta(seconds=10)
"""Before a step is tried again, times the number of tries."""

REPORT_TIME = timedelta(minutes=3)
"""How long a base report may take."""

RESET_TIME = timedelta(minutes=15)
"""How long a station may take to restart."""

REASON = "the station's configuration"
"""Of the commands."""


class _LeaseExpired(Exception):
    """The step is not this core's any more."""


Change = Callable[[Provisioning, Steps], None]
"""What is done with the row of a station."""


@dataclass
class _Situation:
    """What a step begins with."""

    due: DueStation
    lease: datetime
    """Until when it is this core's."""
    row: Provisioning
    content: pb.Configuration
    station: Station
    remaining: Sequence[ocpp.SetVariableData]


class Provisioner:
    """Takes stations from step to step; several cores may do so."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._pieces = PieceSender(services)
        self._reports = ReportRequests(services)
        self._more = asyncio.Event()
        self.job = Job("configurations of stations", INTERVAL, self.run, due=ProvisioningRepository.next_due())

    def wake(self) -> None:
        """Look for steps that are due at once."""
        self._more.set()
        self.job.wake()

    async def run(self) -> None:
        """Do what is due, and what becomes due meanwhile."""
        running: set[asyncio.Task[None]] = set()
        async with asyncio.TaskGroup() as tasks:
            while True:
                self._more.clear()
                for due, lease in await self._claim(PARALLEL - len(running)):
                    task = tasks.create_task(self._do(due, lease), name=f"configure {due.station_id}")
                    running.add(task)
                    task.add_done_callback(running.discard)
                    task.add_done_callback(lambda _: self._more.set())
                if not running:
                    return
                # A station that takes its time holds up no other.
                try:
                    async with asyncio.timeout(INTERVAL.total_seconds()):
                        await self._more.wait()
                except TimeoutError:
                    continue

    async def _claim(self, limit: int) -> list[tuple[DueStation, datetime]]:
        now = self._clock()
        if limit <= 0:
            return []
        async with self._unit_of_work(read_only=True) as work:
            # Looked for before it is a writer's turn: mostly there is none.
            found = await ProvisioningRepository(work.session).due(now, limit)
        if not found:
            return []
        lease = now + LEASE
        async with self._unit_of_work() as work:
            provisionings = ProvisioningRepository(work.session)
            claimed = [(due, lease) for due in found if await provisionings.claim(due, lease)]
            await work.commit()
        return claimed

    async def _do(self, due: DueStation, lease: datetime) -> None:
        try:
            situation = await self._situation(due, lease)
            if situation is not None:
                await self._step(situation)
        except DatabaseUnavailable:
            waits_for_database("configurations of stations", station_id=due.station_id)
        except Exception as error:
            # A bug with one station must not end the others; its step is due again when the lease is over.
            logger.error("a step failed", extra={"station_id": due.station_id}, exc_info=error)

    async def _situation(self, due: DueStation, lease: datetime) -> _Situation | None:
        async with self._unit_of_work(read_only=True) as work:
            row = await ProvisioningRepository(work.session).find(due.tenant_id, due.station_id)
            actuals = ActualRepository(work.session)
            station = await actuals.station(due.tenant_id, due.station_id)
            if row is None or station is None or row.state != due.state or row.next_time != lease:
                return None
            content = await _content(work, row)
            components = {data.component.name for data in content.variables}
            actual = (await actuals.find_all(due.tenant_id, [due.station_id], components))[due.station_id]
        left = remaining(content.variables, actual, results_of(row), everything=row.everything)
        return _Situation(due, lease, row, content, station, left)

    async def _step(self, situation: _Situation) -> None:
        steps = {
            pb.PROVISIONING_STATE_REPORTING: self._report,
            pb.PROVISIONING_STATE_SETTING: self._set,
            pb.PROVISIONING_STATE_RESETTING: self._reset,
            pb.PROVISIONING_STATE_CHECKING: self._check,
            pb.PROVISIONING_STATE_BOOTING: self._boot,
        }
        step = steps.get(pb.ProvisioningState.ValueType(situation.row.state))
        if step is None:
            return
        try:
            await step(situation)
        except _LeaseExpired:
            return
        except DatabaseUnavailable:
            raise
        except CoreError as error:
            await self._failed(situation, error)

    async def _report(self, situation: _Situation) -> None:
        if situation.row.attempts > ATTEMPTS:
            await self._give_up(situation, "the base report did not come")
            return
        request = ocpp.GetBaseReportRequest(request_id=new_request_id(), report_base=situation.content.base_report)
        # Known before the first part can come.
        if not await self._change(situation, lambda row, steps: setattr(row, "report_request_id", request.request_id)):
            return
        who = system_caller(situation.due.tenant_id, REASON)
        _, answer = await self._reports.send(who, _target(situation.due), request, REPORT_KIND_DEVICE_MODEL)
        if answer.status == GENERIC_DEVICE_MODEL_STATUS_ENUM_ACCEPTED:
            await self._promised(situation, self._clock() + REPORT_TIME)
        else:
            await self._change(situation, lambda row, steps: steps.go(pb.PROVISIONING_STATE_SETTING))

    async def _set(self, situation: _Situation) -> None:
        if situation.remaining:
            await self._send_variables(situation)
            after = await self._situation(situation.due, situation.lease)
            if after is None:
                return
            if after.remaining:
                if situation.row.attempts >= ATTEMPTS:
                    await self._give_up(situation, f"{len(after.remaining)} variables were not answered")
                else:
                    until = self._clock() + RETRY
                    await self._change(situation, lambda row, steps: steps.wait(until))
                return
        await self._change(situation, lambda row, steps: steps.settled(situation.station, situation.content))

    async def _send_variables(self, situation: _Situation) -> None:
        who, target = system_caller(situation.due.tenant_id, REASON), _target(situation.due)
        whole = ocpp.SetVariablesRequest(set_variable_data=situation.remaining)
        if situation.row.attempts == 1:
            pieces = await self._pieces.pieces(who, target, whole)
        else:
            # One of them may be what the station can't take.
            pieces = [ocpp.SetVariablesRequest(set_variable_data=[data]) for data in situation.remaining]
        for piece in pieces:
            await self._renew(situation)
            try:
                await self._services.commands.send(who, target, piece)
            except (StationError, AnswerRefused, InvalidArgument) as error:
                if len(piece.set_variable_data) > 1:
                    raise
                await self._refused(situation, piece.set_variable_data[0], problem_of(str(error)))

    async def _refused(self, situation: _Situation, data: ocpp.SetVariableData, problem: str) -> None:
        result = pb.VariableResult(
            component=data.component,
            variable=data.variable,
            attribute=data.attribute_type or ocpp.ATTRIBUTE_ENUM_ACTUAL,
            value=data.attribute_value,
            status=ocpp.SET_VARIABLE_STATUS_ENUM_REJECTED,
            problem=problem,
        )

        def store_result(row: Provisioning, steps: Steps) -> None:
            store_results(row, {**results_of(row), key_of_data(data): result}.values())

        await self._change(situation, store_result)

    async def _reset(self, situation: _Situation) -> None:
        if situation.row.attempts > ATTEMPTS:
            await self._change(
                situation, lambda row, steps: steps.accept(situation.station, "the station did not restart")
            )
            return
        who = system_caller(situation.due.tenant_id, REASON)
        request = ocpp.ResetRequest(type=ocpp.RESET_ENUM_ON_IDLE)
        # Whichever websocket comes after this is that of the station after its restart.
        if not await self._change(situation, lambda row, steps: steps.touch()):
            return
        _, answer = await self._services.commands.send(who, _target(situation.due), request)
        assert isinstance(answer, ocpp.ResetResponse)
        if answer.status == ocpp.RESET_STATUS_ENUM_REJECTED:
            problem = problem_of("the station refused to restart", answer.status_info)
            await self._change(situation, lambda row, steps: steps.accept(situation.station, problem))
            return
        scheduled = answer.status == ocpp.RESET_STATUS_ENUM_SCHEDULED
        until = None if scheduled else self._clock() + RESET_TIME
        await self._promised(situation, until)

    async def _check(self, situation: _Situation) -> None:
        who, target = system_caller(situation.due.tenant_id, REASON), _target(situation.due)
        data = [
            ocpp.GetVariableData(component=each.component, variable=each.variable, attribute_type=each.attribute)
            for each in results_of(situation.row).values()
            if each.status == ocpp.SET_VARIABLE_STATUS_ENUM_ACCEPTED
        ]
        if data:
            whole = ocpp.GetVariablesRequest(get_variable_data=data)
            for piece in await self._pieces.pieces(who, target, whole):
                await self._renew(situation)
                await self._services.commands.send(who, target, piece)
        await self._change(situation, lambda row, steps: steps.go(pb.PROVISIONING_STATE_DONE))

    async def _boot(self, situation: _Situation) -> None:
        until = await self._boots_by_itself(situation)
        if until is not None:

            def leave(row: Provisioning, steps: Steps) -> None:
                row.attempts -= 1
                steps.wait(until)

            await self._change(situation, leave)
            return
        who = system_caller(situation.due.tenant_id, REASON)
        request = TriggerMessageRequest(requested_message=MESSAGE_TRIGGER_ENUM_BOOT_NOTIFICATION)
        await self._services.commands.send(who, _target(situation.due), request)
        # Accepted or not: it boots, at the latest when its interval is over.
        await self._change(situation, lambda row, steps: steps.wait(None))

    async def _boots_by_itself(self, situation: _Situation) -> datetime | None:
        """Return until when the boot of a station is waited for that has just connected; None where it is asked.

        One that is not accepted boots on every websocket (B01.FR.01): a trigger would make it boot twice.
        """
        due, booted = situation.due, situation.station.boot_time
        async with self._unit_of_work(read_only=True) as work:
            connections = await ConnectionRepository(work.session).find_all(due.tenant_id, [due.station_id])
        connection = connections.get(due.station_id)
        if connection is None or (booted is not None and booted >= connection.admit_time):
            return None
        until = connection.admit_time + BOOT_TIME
        return until if until > self._clock() else None

    async def _promised(self, situation: _Situation, until: datetime | None) -> None:
        """Leave it to the station, which agreed; where it does not keep its word, asking again is of no use."""

        def wait(row: Provisioning, steps: Steps) -> None:
            row.attempts = ATTEMPTS
            steps.wait(until)

        await self._change(situation, wait)

    async def _failed(self, situation: _Situation, error: CoreError) -> None:
        if isinstance(error, StationUnavailable):
            # That counts for nothing: it goes on when the station is back.
            until = self._clock() + RETRY

            def again(row: Provisioning, steps: Steps) -> None:
                row.attempts -= 1
                steps.wait(until)

            await self._change(situation, again)
        elif situation.row.attempts >= ATTEMPTS or isinstance(error, NotSupported):
            await self._give_up(situation, problem_of(str(error)))
        else:
            later = self._clock() + RETRY * situation.row.attempts
            await self._change(situation, lambda row, steps: steps.wait(later))

    async def _give_up(self, situation: _Situation, problem: str) -> None:
        await self._change(situation, lambda row, steps: steps.give_up(situation.station, situation.content, problem))

    async def _renew(self, situation: _Situation) -> None:
        """Keep the step for as long as another command may take.

        Raises:
            _Lost: When it is another's meanwhile, or the station is at another step.
        """
        lease = self._clock() + LEASE
        if not await self._change(situation, lambda row, steps: steps.wait(lease)):
            raise _LeaseExpired
        situation.lease = lease

    async def _change(self, situation: _Situation, change: Change) -> bool:
        """Change the row, if the step is still this core's; return whether it is."""
        due = situation.due
        async with self._unit_of_work() as work:
            rows = await ProvisioningRepository(work.session).find_for_update(due.tenant_id, [due.station_id])
            row = rows.get(due.station_id)
            if row is None or row.state != due.state or row.next_time != situation.lease:
                return False
            change(row, Steps(work, row, self._clock()))
            await work.commit()
        return True


async def _content(work: UnitOfWork, row: Provisioning) -> pb.Configuration:
    found = await ConfigurationRepository(work.session).find_all(row.tenant_id, [row.configuration_id])
    # One that was deleted meanwhile wants nothing.
    return content_of(found[row.configuration_id]) if row.configuration_id in found else pb.Configuration()


def _target(due: DueStation) -> CommandTarget:
    return CommandTarget(
        station_id=due.station_id, reason=REASON, timeout=Duration(seconds=ANSWER_TIME // timedelta(seconds=1))
    )
