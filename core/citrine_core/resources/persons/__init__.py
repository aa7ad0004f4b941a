"""Persons: what is stored of a driver is given out, and made anonymous.

A driver is known by tokens only. Ids are found wherever text or bytes are stored, and not by knowing each message.
"""

from functools import partial

from citrine.api.v1 import persons_pb2_grpc
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.resources.persons.erasing import INTERVAL, Erasing
from citrine_core.resources.persons.repository import ErasureRepository
from citrine_core.resources.persons.servicer import PersonsServicer
from citrine_core.services import Services

__all__ = ["PersonsServicer", "block"]


def block(services: Services) -> Block:
    """Return the resource, composed in the form of a block."""
    job = Job("erasures of persons", INTERVAL, Erasing(services).run, due=ErasureRepository.due())
    servicer = PersonsServicer(services, job.wake)
    return Block(
        "persons",
        add_servicers=[partial(persons_pb2_grpc.add_PersonsServiceServicer_to_server, servicer)],
        service_names=["citrine.api.v1.PersonsService"],
        jobs=[job],
    )
