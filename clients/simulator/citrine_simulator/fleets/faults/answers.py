"""Faults in the answers to CALLs of the CSMS: late, a CALLERROR, or none."""

import asyncio
from typing import Literal

from citrine_simulator.errors import CallRefusedError
from citrine_simulator.fleets.faults.base import OccasionalFault
from citrine_simulator.fleets.member import Member
from citrine_simulator.fleets.values import Duration

__all__ = ["RefusedCalls", "SlowAnswers", "UnansweredCalls"]

Code = Literal[
    "FormatViolation",
    "FormationViolation",
    "GenericError",
    "InternalError",
    "MessageTypeNotSupported",
    "NotImplemented",
    "NotSupported",
    "OccurrenceConstraintViolation",
    "PropertyConstraintViolation",
    "ProtocolError",
    "RpcFrameworkError",
    "SecurityError",
    "TypeConstraintViolation",
]


class _AnswerFault(OccasionalFault):
    """A fault that may strike at each CALL of the CSMS."""

    actions: list[str] = []
    """Only CALLs of these actions; all by default."""

    def attach(self, member: Member) -> None:
        """Intercept CALLs before they are handled."""
        rng = member.random_of(f"answer {self!r}")

        async def bend(action: str) -> bool:
            if self.actions and action not in self.actions:
                return True
            return not self.strikes(member, rng.random()) or await self._answers(member, action)

        member.tap.on_answer.append(bend)

    async def _answers(self, member: Member, action: str) -> bool:
        """Strike; return whether the CALL is handled nevertheless."""
        raise NotImplementedError


class SlowAnswers(_AnswerFault):
    """CALLs of the CSMS are answered late."""

    kind: Literal["slow_answers"]
    delay: Duration = 10
    """Delay of the answer."""

    async def _answers(self, member: Member, action: str) -> bool:
        member.struck(self.kind, action=action, delay=self.delay)
        await asyncio.sleep(self.delay)
        return True


class UnansweredCalls(_AnswerFault):
    """CALLs of the CSMS are neither executed nor answered."""

    kind: Literal["unanswered_calls"]

    async def _answers(self, member: Member, action: str) -> bool:
        member.struck(self.kind, action=action)
        return False


class RefusedCalls(_AnswerFault):
    """CALLs of the CSMS are answered with a CALLERROR."""

    kind: Literal["refused_calls"]
    code: Code = "InternalError"
    """The errorCode."""

    async def _answers(self, member: Member, action: str) -> bool:
        member.struck(self.kind, action=action, code=self.code)
        raise CallRefusedError(self.code, "an injected fault")
