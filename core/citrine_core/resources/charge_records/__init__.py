"""Charge records: what is billed of each settled transaction, in revisions that never change.

What settles a transaction or corrects its cost says so with `add_due`, in its own database transaction. A job makes the
revisions, many together, and numbers them.
"""

from functools import partial

from citrine.api.v1 import charge_records_pb2_grpc
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.resources.charge_records.due import DueRecord, add_due, has_due_records, is_any_due
from citrine_core.services import Services

__all__ = ["DueRecord", "add_due", "block", "has_due_records", "is_any_due"]


def block(services: Services) -> Block:
    """Return the resource, composed in the form of a block."""
    # Imported here, because they use blocks that use `add_due`.
    from citrine_core.resources.charge_records.jobs import BACKFILL_INTERVAL, INTERVAL, Backfill, DueRecords
    from citrine_core.resources.charge_records.repository import ChargeRecordRepository
    from citrine_core.resources.charge_records.servicer import ChargeRecordsServicer

    return Block(
        "charge_records",
        add_servicers=[
            partial(charge_records_pb2_grpc.add_ChargeRecordsServiceServicer_to_server, ChargeRecordsServicer(services))
        ],
        service_names=["citrine.api.v1.ChargeRecordsService"],
        jobs=[
            Job("charge records", INTERVAL, DueRecords(services).run, due=ChargeRecordRepository.due()),
            Job(
                "charge records of before",
                BACKFILL_INTERVAL,
                Backfill(services).run,
                due=ChargeRecordRepository.backfill_due(),
            ),
        ],
    )
