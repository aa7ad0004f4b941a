"""The station answers the CSMS late, wrongly or not at all."""

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
    """A fault whose occasions are the CALLs of the CSMS."""

    actions: list[str] = []
    """Only CALLs of these actions; all by default."""

    def attach(self, member: Member) -> None:
        """Stand between a CALL and its answer."""
        rng = member.random_of(f"answer {self!r}")

        async def bend(action: str) -> bool:
            if self.actions and action not in self.actions:
                return True
            return not self.strikes(member, rng.random()) or await self._answers(member, action)

        member.tap.on_answer.append(bend)

    async def _answers(self, member: Member, action: str) -> bool:
        """Strike; return whether there is an answer all the same."""
        raise NotImplementedError


class SlowAnswers(_AnswerFault):
    """CALLs of the CSMS are answered late."""

    kind: Literal["slow_answers"]
    delay: Duration = 10
    """How late."""

    async def _answers(self, member: Member, action: str) -> bool:
        member.struck(self.kind, action=action, delay=self.delay)
        await asyncio.sleep(self.delay)
        return True


class UnansweredCalls(_AnswerFault):
    """CALLs of the CSMS are not answered, and not carried out."""

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
        raise CallRefusedError(self.code, "a fault that was injected")
