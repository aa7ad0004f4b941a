"""Statuses of failed rpcs, with a servicer that no socket leads to."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import grpc_testing
import pytest
from google.protobuf.message_factory import GetMessageClass
from google.rpc import error_details_pb2, status_pb2

from citrine.api.v1 import tenants_pb2 as pb
from citrine_core.db import UnitOfWorkFactory
from citrine_core.resources.tenants import TenantsServicer
from citrine_core.rpc import Caller, acting_as
from citrine_core.rpc.statuses import DETAILS_KEY, failure_of
from tests.support.api import Api
from tests.support.waiting import WAIT

SERVICE = pb.DESCRIPTOR.services_by_name["TenantsService"]
OPERATOR = Caller(tenant_id="default", name="test", is_operator=True)


class Blocking:
    """A servicer of asyncio behind the threads of grpcio-testing, which knows no coroutines."""

    def __init__(self, servicer: object, loop: asyncio.AbstractEventLoop) -> None:
        self._servicer = servicer
        self._loop = loop

    def __getattr__(self, name: str) -> Callable[[Any, Any], Any]:
        method = getattr(self._servicer, name)

        def call(request: Any, context: Any) -> Any:
            with acting_as(OPERATOR):
                try:
                    return asyncio.run_coroutine_threadsafe(method(request, context), self._loop).result(WAIT)
                except Exception as error:
                    failure = failure_of(error, name)
                    context.set_trailing_metadata(failure.trailing_metadata())
                    context.set_code(failure.code)
                    context.set_details(failure.message)
                    return GetMessageClass(SERVICE.methods_by_name[name].output_type)()

        return call


@pytest.fixture
async def invoke(api: Api) -> Callable[[str, Any], Any]:
    """Calls an rpc and returns response, trailing metadata, status and text."""
    servicer = Blocking(TenantsServicer(api.services), asyncio.get_running_loop())
    server = grpc_testing.server_from_dictionary({SERVICE: servicer}, grpc_testing.strict_real_time())

    async def invoke(rpc: str, request: Any) -> Any:
        call = server.invoke_unary_unary(SERVICE.methods_by_name[rpc], (), request, WAIT)
        return await asyncio.to_thread(call.termination)

    return invoke


async def test_servicer_answers_without_a_socket(invoke: Any, unit_of_work: UnitOfWorkFactory) -> None:
    tenant = pb.Tenant(tenant_id="acme", display_name="Acme")

    created, _, code, _ = await invoke("CreateTenant", pb.CreateTenantRequest(tenant=tenant))
    found, _, _, _ = await invoke("GetTenant", pb.GetTenantRequest(tenant_id="acme"))

    assert code is grpc.StatusCode.OK
    assert found == created
    assert found.display_name == "Acme"


@pytest.mark.in_turn
@pytest.mark.parametrize(
    ("rpc", "request_", "code", "text"),
    [
        pytest.param(
            "GetTenant",
            pb.GetTenantRequest(tenant_id="nobody"),
            grpc.StatusCode.NOT_FOUND,
            "tenant nobody does not exist",
            id="not found",
        ),
        pytest.param(
            "CreateTenant",
            pb.CreateTenantRequest(tenant=pb.Tenant(tenant_id="default")),
            grpc.StatusCode.ALREADY_EXISTS,
            "tenant default already exists",
            id="exists",
        ),
        pytest.param(
            "DeleteTenant",
            pb.DeleteTenantRequest(tenant_id="default"),
            grpc.StatusCode.FAILED_PRECONDITION,
            "the default tenant can't be deleted",
            id="precondition",
        ),
    ],
)
async def test_error_says_what_is_wrong(invoke: Any, rpc: str, request_: Any, code: grpc.StatusCode, text: str) -> None:
    _, trailing, got, details = await invoke(rpc, request_)

    assert (got, details) == (code, text)
    # What does not exist is named besides.
    assert (DETAILS_KEY in dict(trailing)) == (code is grpc.StatusCode.NOT_FOUND)


async def test_details_name_what_does_not_exist(invoke: Any) -> None:
    _, trailing, _, _ = await invoke("GetTenant", pb.GetTenantRequest(tenant_id="nobody"))

    status = status_pb2.Status.FromString(dict(trailing)[DETAILS_KEY])
    resource = error_details_pb2.ResourceInfo()
    assert status.details[0].Unpack(resource)
    assert (resource.resource_type, resource.resource_name) == ("tenant", "nobody")


async def test_details_name_the_field(invoke: Any) -> None:
    _, trailing, code, _ = await invoke("GetTenant", pb.GetTenantRequest())

    assert code is grpc.StatusCode.INVALID_ARGUMENT
    status = status_pb2.Status.FromString(dict(trailing)[DETAILS_KEY])
    assert status.code == code.value[0]
    request = error_details_pb2.BadRequest()
    assert status.details[0].Unpack(request)
    assert [violation.field for violation in request.field_violations] == ["tenant_id"]
