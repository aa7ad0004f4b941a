"""Functional block E, Transactions: from TransactionEvent to the stored transaction."""

from functools import partial

from citrine.api.v1 import transaction_limits_pb2_grpc, transactions_pb2_grpc
from citrine.api.v1.tariff_and_cost_pb2 import SETTLEMENT_STATION_REMOVED
from citrine_core.blocks.transactions.models import Transaction, TransactionEvent
from citrine_core.db import UnitOfWork
from citrine_core.dispatch import Block
from citrine_core.jobs import Job
from citrine_core.services import Services

__all__ = ["Transaction", "TransactionEvent", "block"]


def block(services: Services) -> Block:
    """Return the block, composed from its parts."""
    # Imported here, because they use blocks that query this one's tables by its module `queries`.
    from citrine_core.blocks.transactions.charging_states import ChargingStates, forget_early_states
    from citrine_core.blocks.transactions.checks.handlers import CheckHandlers
    from citrine_core.blocks.transactions.checks.jobs import INTERVAL, TransactionChecks
    from citrine_core.blocks.transactions.checks.repository import CheckRepository
    from citrine_core.blocks.transactions.handlers import TransactionsHandlers
    from citrine_core.blocks.transactions.limits import INTERVAL as LIMITS_INTERVAL
    from citrine_core.blocks.transactions.limits import (
        THROTTLE_INTERVAL,
        LimitChecks,
        LimitHandlers,
        ThrottleHandlers,
        Throttling,
        TokenWatch,
        TransactionLimitsServicer,
        credit_left,
    )
    from citrine_core.blocks.transactions.limits.repository import LimitRepository
    from citrine_core.blocks.transactions.limits.throttling.repository import ThrottleRepository
    from citrine_core.blocks.transactions.numbers import forget_numbers
    from citrine_core.blocks.transactions.refolding import INTERVAL as REFOLDS_INTERVAL
    from citrine_core.blocks.transactions.refolding import DueRefolds
    from citrine_core.blocks.transactions.refolding.repository import RefoldClaims
    from citrine_core.blocks.transactions.reported_ids import ReportedIds
    from citrine_core.blocks.transactions.servicer import TransactionsServicer
    from citrine_core.blocks.transactions.settlement import INTERVAL as SETTLEMENT_INTERVAL
    from citrine_core.blocks.transactions.settlement import DueSettlements, EndProofs, Settlements
    from citrine_core.blocks.transactions.settlement.repository import SettlementRepository
    from citrine_core.blocks.transactions.unmatched import forget_unmatched
    from citrine_core.resources.stations.clock_skews import INTERVAL as CLOCKS_INTERVAL
    from citrine_core.resources.stations.clock_skews import ClockSkews

    async def forget_station(work: UnitOfWork, tenant_id: str, station_id: str) -> None:
        # Transactions are retained. A station that is registered again under this id does not know them.
        await forget_numbers(work, tenant_id, station_id)
        await forget_unmatched(work, tenant_id, station_id)
        await forget_early_states(work, tenant_id, station_id)
        await settlements.close(work, tenant_id, station_id, int(SETTLEMENT_STATION_REMOVED))
        work.after_commit(partial(skews.forget, (tenant_id, station_id)))

    async def forget_tenant(work: UnitOfWork, tenant_id: str) -> None:
        await SettlementRepository(work.session).settle_all(tenant_id, services.clock())
        work.after_commit(settling.wake)

    skews = ClockSkews.of(services)
    settlements = Settlements(services)
    throttles = Job("throttled transactions", THROTTLE_INTERVAL, Throttling(services).run, due=ThrottleRepository.due())
    limits = Job(
        "transaction limits",
        LIMITS_INTERVAL,
        LimitChecks(services, throttles.wake).run,
        due=LimitRepository.due(),
    )
    checks = Job("transaction checks", INTERVAL, TransactionChecks(services).run, due=CheckRepository.due())
    refolds = Job(
        "transactions to be folded",
        REFOLDS_INTERVAL,
        DueRefolds(services, checks.wake).run,
        due=RefoldClaims.due(),
    )
    settling = Job("settlements", SETTLEMENT_INTERVAL, DueSettlements(services).run, due=SettlementRepository.due())
    handlers = TransactionsHandlers(services, checks.wake, refolds.wake)
    watch = TokenWatch(services, limits.wake)
    return Block(
        "transactions",
        [
            handlers,
            CheckHandlers(services),
            LimitHandlers(services, throttles.wake),
            ThrottleHandlers(services, throttles.wake),
        ],
        [
            partial(transactions_pb2_grpc.add_TransactionsServiceServicer_to_server, TransactionsServicer(services)),
            partial(
                transaction_limits_pb2_grpc.add_TransactionLimitsServiceServicer_to_server,
                TransactionLimitsServicer(services, limits.wake, throttles.wake),
            ),
        ],
        ["citrine.api.v1.TransactionsService", "citrine.api.v1.TransactionLimitsService"],
        jobs=[
            checks,
            limits,
            throttles,
            refolds,
            Job("clocks of stations", CLOCKS_INTERVAL, skews.store),
            settling,
        ],
        observers=[EndProofs(services).observe, ChargingStates(handlers.transaction_events).observe],
        translations=[ReportedIds(services).translate],
        on_token_change=[watch.changed],
        on_owner_change=[watch.owner_changed],
        credit_left=credit_left,
        forget_station=forget_station,
        forget_tenant=forget_tenant,
    )
