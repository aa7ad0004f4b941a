"""Decisions on tokens become records, in the transaction of the message that presented them."""

from collections.abc import Sequence
from datetime import datetime

from citrine.api.v1.authorization_pb2 import (
    AUTHORIZER_PART_ANSWERED,
    AUTHORIZER_PART_NONE,
    AUTHORIZER_PART_SILENT,
)
from citrine.ocpp.secrets import KEY_CODE
from citrine_core.blocks.authorization.decisions import Decision, Finding
from citrine_core.blocks.authorization.records.repository import AuthorizationRecords, RecordRow
from citrine_core.db import UnitOfWork
from citrine_core.resources.tokens import lookup_of, type_of

__all__ = ["record_decisions"]

MASK = "***"


async def record_decisions(work: UnitOfWork, decisions: Sequence[Decision], now: datetime) -> None:
    """Store decisions, with the statuses that their stations are answered."""
    await AuthorizationRecords(work.session).add([_row(decision, now) for decision in decisions])


def _row(decision: Decision, now: datetime) -> RecordRow:
    presented = decision.presented
    id_token, kind = presented.id_token.id_token, type_of(presented.id_token.type)
    # C04.FR.04: a key code that a driver typed is never shown.
    typed = kind == KEY_CODE
    return RecordRow(
        tenant_id=decision.tenant_id,
        station_id=presented.station_id,
        evse_id=presented.evse_id,
        transaction_id=presented.transaction_id,
        purpose=presented.purpose.value,
        id_token=MASK if typed else id_token,
        id_token_type=kind,
        id_token_lookup="" if typed else lookup_of(id_token, kind),
        group_id="" if decision.token is None else decision.token.group_id,
        status=decision.info.status,
        authorizer=_part(presented.finding),
        decide_time=now,
    )


def _part(finding: object) -> int:
    if not isinstance(finding, Finding) or finding.asked is None:
        return AUTHORIZER_PART_NONE
    return AUTHORIZER_PART_ANSWERED if finding.asked.answered else AUTHORIZER_PART_SILENT
