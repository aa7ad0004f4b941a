"""From when on a transaction costs something, as stations tell it, on a whole core."""

from typing import Any

import pytest

from citrine.api.v1 import tariff_and_cost_pb2 as cost_pb
from citrine.api.v1 import tariffs_pb2 as pb
from citrine.api.v1.tokens_pb2 import CreateTokenRequest, Token
from citrine.api.v1.tokens_pb2_grpc import TokensServiceStub
from citrine.ocpp.v2.transactions_pb2 import ChargingStateEnum, TransactionEventRequest
from tests.core.blocks.tariff_and_cost.tariffs import component, element, tariff
from tests.core.blocks.tariff_and_cost.test_transaction_costs import OWN, Costs, connect
from tests.support.charging import ended, started, updated
from tests.support.core import RunningCore

PRICES = tariff(
    element(
        component("ENERGY", "1"),
        component("FLAT", "10"),
        component("CHARGING_TIME", "60"),
        component("IDLE_TIME", "600"),
    ),
    min_price=pb.Amount(after_tax="15"),
)
"""A euro a kWh and a minute of charging; ten a minute of parking, and as a fee; fifteen at least."""

PLUGGED, CHARGING, SUSPENDED = (
    {"charging_state": ChargingStateEnum.Value(f"CHARGING_STATE_ENUM_{name}")}
    for name in ("EV_CONNECTED", "CHARGING", "SUSPENDED_EV")
)
UNKNOWN = "FFFFFF01"

AUTHORISED_LATE = [
    started(0, 0, minutes=0, info=PLUGGED, trigger="CABLE_PLUGGED_IN"),
    updated(1, minutes=60, info=PLUGGED, id_token=OWN, trigger="AUTHORIZED"),
    updated(2, 0, minutes=70, info=CHARGING, trigger="CHARGING_STATE_CHANGED"),
    updated(3, 5000, minutes=75, info=SUSPENDED, trigger="CHARGING_STATE_CHANGED"),
    ended(4, 5000, minutes=76, trigger="EV_DEPARTED"),
]


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("events", "total"),
    [
        # The fee, five minutes, five kWh, and a minute of parking.
        pytest.param(AUTHORISED_LATE, "30.00", id="waits for the authorisation, and then for power"),
        pytest.param(
            [*AUTHORISED_LATE[:1], *AUTHORISED_LATE[2:], AUTHORISED_LATE[1]], "30.00", id="authorisation reported late"
        ),
        pytest.param(
            [
                started(0, 0, minutes=0, info=PLUGGED),
                updated(1, minutes=1, info=PLUGGED, id_token=UNKNOWN, trigger="AUTHORIZED"),
                ended(2, 0, minutes=60, trigger="EV_DEPARTED"),
            ],
            "0.00",
            id="refused",
        ),
        pytest.param(
            [
                started(0, 0, minutes=0, info=CHARGING, id_token=UNKNOWN, trigger="AUTHORIZED"),
                ended(1, 5000, minutes=5, trigger="DEAUTHORIZED", id_token=UNKNOWN),
            ],
            "0.00",
            id="refused, and charged until it was stopped",
        ),
        pytest.param(
            [started(0, 0, minutes=0, info=PLUGGED), ended(1, 0, minutes=60, trigger="EV_DEPARTED")],
            "0.00",
            id="plugged in and out",
        ),
        pytest.param(
            [
                started(0, 0, minutes=0, info=PLUGGED),
                updated(1, minutes=60, info={**PLUGGED, "remote_start_id": 7}, trigger="REMOTE_START"),
                updated(2, 0, minutes=61, info=CHARGING),
                ended(3, 9000, minutes=63),
            ],
            "21.00",
            id="started remotely",
        ),
        pytest.param(
            [
                started(0, 0, minutes=0, info=PLUGGED),
                updated(1, 0, minutes=60, info=CHARGING),
                ended(2, 1000, minutes=62),
            ],
            "15.00",
            id="free vending, and the minimum",
        ),
    ],
)
async def test_what_a_transaction_costs(core: RunningCore, events: list[TransactionEventRequest], total: str) -> None:
    api, tokens = Costs(core), core.stub(TokensServiceStub)
    created: Any = tokens.CreateToken(CreateTokenRequest(token=Token(id_token=OWN, type="ISO14443")))
    await created
    await api.assign(PRICES)
    async with core.edge() as edge:
        station = await connect(core, edge)
        for event in events:
            await station.call(event)

    cost = await api.of()
    assert (cost.state, cost.cost.total.after_tax) == (cost_pb.COST_STATE_FINAL, total)
