"""The program of an eMSP made of `extrawest-ocpi`; run by `pypi_emsp` with what that needs, which is not what we do.

It takes a listening socket and its URL, and prints what it is sent, as JSON by lines: the module, and the object.
"""

import json
import os
import socket
import sys
from typing import Any

__all__ = ["main"]


def main(descriptor: int, host: str) -> None:
    """Serve until it is ended."""
    # It reads them when it is imported.
    os.environ.update(OCPI_HOST=host, PROTOCOL="http", COUNTRY_CODE="NL", PARTY_ID="EWX", ENVIRONMENT="production")
    import uvicorn
    from py_ocpi.core.authentication.authenticator import Authenticator
    from py_ocpi.core.enums import ModuleID, RoleEnum
    from py_ocpi.main import get_application
    from py_ocpi.modules.versions.enums import VersionNumber

    class Tokens(Authenticator):  # type: ignore[misc]
        @classmethod
        async def get_valid_token_a(cls) -> list[str]:
            return ["token-a"]

        @classmethod
        async def get_valid_token_c(cls) -> list[str]:
            return ["token-c"]

    class Store:
        objects: dict[tuple[str, str], Any] = {}

        @classmethod
        async def get(cls, module: Any, role: Any, name: Any, *_: Any, **__: Any) -> Any:
            return cls.objects.get((module.value, str(name)))

        @classmethod
        async def list(cls, *_: Any, **__: Any) -> Any:
            return [], 0, True

        @classmethod
        async def create(cls, module: Any, role: Any, data: Any, *_: Any, **__: Any) -> Any:
            return cls.put(module, data)

        @classmethod
        async def update(cls, module: Any, role: Any, data: Any, *_: Any, **__: Any) -> Any:
            return cls.put(module, data)

        @classmethod
        def put(cls, module: Any, data: Any) -> Any:
            print(json.dumps([module.value, data], default=str), flush=True)
            cls.objects[module.value, str(data.get("id"))] = data
            if module is not ModuleID.credentials_and_registration:
                return data
            role = {"role": "EMSP", "country_code": "NL", "party_id": "EWX", "business_details": {"name": "Extrawest"}}
            return {"token": "token-c", "url": f"http://{host}/ocpi/versions", "roles": [role]}

    names = ("credentials_and_registration", "locations", "sessions", "cdrs", "tariffs", "tokens", "charging_profile")
    modules = [ModuleID[name] for name in names]
    app = get_application([VersionNumber.v_2_2_1], [RoleEnum.emsp], Store, modules, Tokens)
    server = uvicorn.Server(uvicorn.Config(app, access_log=False, log_level="warning"))
    server.run(sockets=[socket.socket(fileno=descriptor)])


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2])
