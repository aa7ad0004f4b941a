"""The log-in of the console that `citrine up` prints: an address with a secret, for browsers of this machine."""

import json
import secrets
from pathlib import Path
from urllib.parse import quote

from citrine_cli.up.files import read_json, write_private

__all__ = ["login_link", "write_login"]


def write_login(path: Path, key: str, tenant: str) -> None:
    """Write the file by which a console knows the secret, and the key and tenant that it logs in with.

    The secret stays the same, so that the address of an earlier start is still right.
    """
    secret = (read_json(path) or {}).get("secret") or secrets.token_urlsafe(18)
    write_private(path, json.dumps({"secret": secret, "key": key, "tenant": tenant}) + "\n")


def login_link(path: Path, address: str) -> str:
    """Return the address that logs a browser in at a console."""
    return f"http://{address}/login/link?secret={quote((read_json(path) or {})['secret'])}"
