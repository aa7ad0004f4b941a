"""The local authorization list (chapters 5.10 and 5.15)."""

from typing import Any

from citrine_simulator.answers.base import answers
from citrine_simulator.answers.local_auth_list import LocalAuthListAnswers
from citrine_simulator.connection import Answer
from citrine_simulator.messages import id_token
from citrine_simulator.v16.requests import id_token_info

__all__ = ["LocalListAnswers16"]


class LocalListAnswers16:
    """SendLocalList and GetLocalListVersion."""

    def __init__(self, local_list: LocalAuthListAnswers) -> None:
        self._local_list = local_list

    @answers("SendLocalList")
    async def send_local_list(self, payload: dict[str, Any]) -> Answer:
        """Replace or update the list."""
        entries = payload.get("localAuthorizationList", ())
        if payload["updateType"] == "Full" and not all("idTagInfo" in one for one in entries):
            # 6.42: a full list names the idTagInfo of each.
            return Answer({"status": "Failed"})
        answer = await self._local_list.send_local_list({
            "updateType": payload["updateType"],
            "versionNumber": payload["listVersion"],
            "localAuthorizationList": [{"idToken": id_token(one["idTag"]), **id_token_info(one)} for one in entries],
        })  # fmt: skip
        return Answer({"status": answer.payload["status"]})

    @answers("GetLocalListVersion")
    async def get_local_list_version(self, payload: dict[str, Any]) -> Answer:
        """Return the version of the list, 0 if it is empty."""
        answer = await self._local_list.get_local_list_version(payload)
        return Answer({"listVersion": answer.payload["versionNumber"]})
