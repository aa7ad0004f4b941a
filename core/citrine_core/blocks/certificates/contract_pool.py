"""Contract certificate pools, which have the contracts of EVs: the interface, and the one that speaks OPCP.

OPCP is the Open Plug & Charge Protocol of Hubject and others, version 1: its interface of the CCP (contract certificate
pool) for operators of stations. What an EV asks and what it is answered is EXI in base64, and is not read here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import orjson

__all__ = ["Contract", "ContractPool", "OpcpContractPool", "PoolAnswer", "PoolFailed"]

PATH = "/v1/ccp/signedContractData"

LARGEST_ANSWER = 256 * 1024
"""Most bytes of an answer; a contract has about 7500."""

MOST_CONTRACTS = 100


class PoolFailed(Exception):
    """The pool gave no usable answer. The text says why, for people."""


@dataclass(frozen=True, slots=True)
class Contract:
    """One contract, as the EV is to get it."""

    emaid: str
    """Empty: the pool did not say it."""
    exi_response: str
    """CertificateInstallationRes or CertificateUpdateRes: EXI in base64."""


@dataclass(frozen=True, slots=True)
class PoolAnswer:
    """What a pool has for an EV."""

    contracts: Sequence[Contract]
    """At least one if there are any."""
    refusal: str = ""
    """What tells the EV that there is none: EXI in base64. Empty: the pool did not say it in EXI."""


class ContractPool(Protocol):
    """Has the contracts of EVs."""

    async def find(self, schema_version: str, exi_request: str) -> PoolAnswer:
        """Return what the pool has for an EV. It has no time limit: the caller sets one.

        Args:
            schema_version: XML namespace of the messages of ISO 15118, e.g. "urn:iso:15118:2:2013:MsgDef".
            exi_request: CertificateInstallationReq or CertificateUpdateReq of the EV: EXI in base64.

        Raises:
            PoolFailed: When there is no usable answer.
        """
        ...


class OpcpContractPool:
    """A pool that is asked over HTTP by OPCP.

    Args:
        url: Its URL, without the path of the interface.
        token: Returns the bearer token of a request, which may be a new one each time. Empty: none is needed.
    """

    def __init__(self, url: str, token: Callable[[], str]) -> None:
        self._url = url.rstrip("/") + PATH
        self._token = token

    async def find(self, schema_version: str, exi_request: str) -> PoolAnswer:
        """Return what the pool has for an EV."""
        # Imported only where a pool is used: the import takes time and memory.
        from citrine_core.outgoing_http import HttpFailed, post

        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        try:
            if token := self._token():
                headers["Authorization"] = f"Bearer {token}"
            body = orjson.dumps({"certificateInstallationReq": exi_request, "xsdMsgDefNamespace": schema_version})
            # The URL is the operator's own, so it may be anywhere.
            answer = await post(self._url, body, headers, largest=LARGEST_ANSWER, hosts=None)
        except HttpFailed as error:
            raise PoolFailed(f"the contract certificate pool could not be asked: {error}") from error
        except (OSError, ValueError) as error:
            raise PoolFailed("the contract certificate pool could not be asked: its token can't be read") from error
        if answer.status not in (200, 404):
            raise PoolFailed(f"the contract certificate pool answered with status {answer.status}")
        contracts = _contracts(answer.body)
        if answer.status == 404:
            return PoolAnswer((), contracts[0].exi_response if contracts else "")
        if not contracts:
            raise PoolFailed("the contract certificate pool answered with no contract")
        return PoolAnswer(contracts)


def _contracts(body: bytes) -> list[Contract]:
    """Return the contracts in a GetSignedContractDataResponse; an empty list if it is another object."""
    try:
        content = orjson.loads(body)["CCPResponse"]["emaidContent"]
        found = [one["messageDef"] for one in content[:MOST_CONTRACTS]]
        return [
            Contract(str(one.get("emaid") or ""), one["certificateInstallationRes"])
            for one in found
            if isinstance(one["certificateInstallationRes"], str) and one["certificateInstallationRes"]
        ]
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError):
        return []
