"""The simulated eMSP has what it was sent, also of what came in parts."""

import json
from base64 import b64encode
from pathlib import Path
from typing import Any

import httpx2

from citrine_ocpi.simulated_emsp.peer import SimulatedEmsp


async def test_what_changes_of_an_evse_and_of_a_session_is_put_to_what_it_has(tmp_path: Path) -> None:
    (tmp_path / "state.json").write_text(json.dumps({"token": "ours", "accepted": ["its"]}))
    emsp = SimulatedEmsp("http://emsp", "2.3.0", "NL-EMS", tmp_path / "state.json")
    assert emsp.resume()
    headers = {"Authorization": f"Token {b64encode(b'its').decode()}"}
    async with httpx2.AsyncClient(
        transport=httpx2.ASGITransport(emsp.app), base_url="http://emsp/2.3.0", headers=headers
    ) as client:

        async def status(method: str, path: str, body: Any) -> int:
            return (await client.request(method, path, json=body)).status_code

        assert await status("PATCH", "/locations/DE/CIT/L1/E1", {"status": "CHARGING"}) == 404
        location = {"id": "L1", "evses": [{"uid": "E1", "status": "AVAILABLE"}]}
        assert await status("PUT", "/locations/DE/CIT/L1", location) == 200
        assert await status("PATCH", "/locations/DE/CIT/L1/E1", {"status": "CHARGING"}) == 200
        assert await status("PATCH", "/locations/DE/CIT/L1/E2", {"status": "CHARGING"}) == 404
        session = {"id": "S1", "charging_periods": [{"number": 1}]}
        assert await status("PUT", "/sessions/DE/CIT/S1", session) == 200
        assert await status("PATCH", "/sessions/DE/CIT/S1", {"kwh": 1, "charging_periods": [{"number": 2}]}) == 200

        found = [(await client.get(path)).json()["data"] for path in ("/locations/DE/CIT/L1", "/sessions/DE/CIT/S1")]

    assert found == [
        {"id": "L1", "evses": [{"uid": "E1", "status": "CHARGING"}]},
        {"id": "S1", "kwh": 1, "charging_periods": [{"number": 1}, {"number": 2}]},
    ]
