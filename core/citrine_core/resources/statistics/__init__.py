"""Statistics: how many stations are in which state, and series of what happened.

Events say what is to be counted. A job reads them behind the commit, as a subscriber does, counts anew what they are
about, and adds the difference to rollups. So nothing is counted in the batch of a station's message, and what comes
late changes the time that it belongs to.
"""

from functools import partial

from citrine.api.v1 import statistics_pb2_grpc
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.resources.statistics.jobs import BACKFILL_INTERVAL, INTERVAL, Backfill, Counting
from citrine_core.resources.statistics.repository import StatisticsRepository
from citrine_core.resources.statistics.servicer import StatisticsServicer
from citrine_core.services import Services

__all__ = ["block"]


def block(services: Services) -> Block:
    """Return the resource, composed in the form of a block."""
    return Block(
        "statistics",
        add_servicers=[
            partial(statistics_pb2_grpc.add_StatisticsServiceServicer_to_server, StatisticsServicer(services))
        ],
        service_names=["citrine.api.v1.StatisticsService"],
        jobs=[
            Job("statistics", INTERVAL, Counting(services).run, due=StatisticsRepository.due()),
            Job(
                "statistics of before",
                BACKFILL_INTERVAL,
                Backfill(services).run,
                due=StatisticsRepository.backfill_due(),
            ),
        ],
    )
