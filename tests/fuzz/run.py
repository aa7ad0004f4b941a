"""A run of fuzzing: stations send frames, and what comes back is checked."""

import asyncio
import itertools
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
from websockets.asyncio.client import ClientConnection
from websockets.exceptions import ConnectionClosed

from citrine.api.v1.stations_pb2 import CreateStationRequest, Station
from tests.fuzz.frames import Frame, frames
from tests.support.deployment import Deployment
from tests.support.raw_station import raw_station

__all__ = ["Outcome", "fuzz"]

ALLOWED = frozenset(
    {
        "FormatViolation", "GenericError", "MessageTypeNotSupported", "NotImplemented", "NotSupported",
        "OccurrenceConstraintViolation", "PropertyConstraintViolation", "ProtocolError", "RpcFrameworkError",
        "SecurityError", "TypeConstraintViolation",
        # As OCPP 1.6 spells them.
        "FormationViolation", "OccurenceConstraintViolation",
    }
)  # fmt: skip
"""Codes of CALLERROR (part 4, 4.3) but InternalError, which is never a station's fault."""

STATIONS = 4
"""Stations that send at the same time."""

WAIT = 30.0
"""Seconds within which the last frame must be answered."""

WARM = 0.2
"""Share of the frames after which memory is first looked at."""

GROWTH = 64e6
"""Bytes by which a process may grow from then on."""


@dataclass
class Outcome:
    """What was found."""

    sent: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    """CALLRESULTs, and CALLERRORs by their code."""
    closed: int = 0
    """Websockets that were closed for a frame for which they may be."""
    faults: list[str] = field(default_factory=list)
    """What was wrong, with the frame."""
    grown: dict[str, float] = field(default_factory=dict)
    """Megabytes by which each process grew."""

    def __str__(self) -> str:
        answers = ", ".join(f"{count} {name}" for name, count in self.answers.most_common())
        grown = ", ".join(f"{name} {size:+.0f} MB" for name, size in self.grown.items())
        return "\n".join([f"{self.sent} frames: {answers}; {self.closed} closed; {grown}", *self.faults[:20]])


async def fuzz(deployment: Deployment, version: str, count: int, seed: int) -> Outcome:
    """Send so many frames of a version of OCPP, from several stations at the same time."""
    outcome = Outcome()
    source = frames(version, seed)
    async with deployment.client() as citrine:
        for number in range(STATIONS):
            station = Station(station_id=_name(version, number), allow_no_password=True)
            await citrine.stations.CreateStation(CreateStationRequest(station=station))
    warm = round(count * WARM)
    await _send_all(deployment, version, itertools.islice(source, warm), outcome)
    before = _memory(deployment)
    await _send_all(deployment, version, itertools.islice(source, count - warm), outcome)
    for name, size in _memory(deployment).items():
        outcome.grown[name] = (size - before[name]) / 1e6
        if size - before[name] > GROWTH:
            outcome.faults.append(f"{name} grew by {outcome.grown[name]:.0f} MB")
    return outcome


def _name(version: str, number: int) -> str:
    return f"FUZZ-{version}-{number}"


def _memory(deployment: Deployment) -> dict[str, int]:
    processes = [*deployment.cores, *deployment.edges]
    return {process.name: psutil.Process(process.pid).memory_info().rss for process in processes}


async def _send_all(deployment: Deployment, version: str, source: Iterator[Frame], outcome: Outcome) -> None:
    async with asyncio.TaskGroup() as tasks:
        for number in range(STATIONS):
            tasks.create_task(_station(deployment, version, number, source, outcome))


async def _station(
    deployment: Deployment, version: str, number: int, source: Iterator[Frame], outcome: Outcome
) -> None:
    """Send frames as one station, which connects again whenever it may be thrown out."""
    while True:
        async with raw_station(deployment.url(), _name(version, number), version=version, patient=True) as station:
            await station.boot()
            for frame in source:
                outcome.sent += 1
                try:
                    await _check(station.websocket, frame, outcome)
                except ConnectionClosed as closed:
                    if not frame.may_close:
                        outcome.faults.append(f"closed ({closed}): {_short(frame)}")
                    outcome.closed += 1
                    break
                except TimeoutError:
                    outcome.faults.append(f"no answer: {_short(frame)}")
                    break
            else:
                return


async def _check(websocket: ClientConnection, frame: Frame, outcome: Outcome) -> None:
    """Send a frame and a Heartbeat, and check all that comes until the Heartbeat is answered."""
    await websocket.send(frame.data)
    beat = f"beat-{outcome.sent}-{id(websocket)}"[:36]
    await websocket.send(json.dumps([2, beat, "Heartbeat", {}]))
    answered = 0
    async with asyncio.timeout(WAIT):
        while True:
            answer: Any = json.loads(await websocket.recv())
            if answer[0] == 2:
                # The CSMS asks for something, as the report of a new station: it gets no answer that helps it.
                await websocket.send(json.dumps([4, answer[1], "NotSupported", "", {}]))
                continue
            if answer[1] == beat:
                break
            answered += answer[1] == frame.message_id
            _judge(answer, frame, outcome)
    if frame.message_id and answered != 1:
        outcome.faults.append(f"{answered} answers: {_short(frame)}")


def _judge(answer: Any, frame: Frame, outcome: Outcome) -> None:
    if answer[0] == 3:
        outcome.answers["results"] += 1
        return
    outcome.answers[str(answer[2])] += 1
    if answer[0] != 4 or answer[2] not in ALLOWED or len(answer[1]) > 36 or len(answer[3]) > 255:
        outcome.faults.append(f"{str(answer)[:200]} to {_short(frame)}")


def _short(frame: Frame) -> str:
    return str(frame.data)[:600]
