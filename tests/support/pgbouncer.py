"""The connection pooler of many installations, PgBouncer, set up as docs/deployment.md says."""

import asyncio
import contextlib
import os
import re
import shutil
import socket
import subprocess
import tempfile
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from tests.support.deployment import free_port
from tests.support.documents import ROOT
from tests.support.postgres import PostgresServer

__all__ = ["ROLE", "bounced", "find_pgbouncer", "limits_of_the_role"]

ROLE = "citrine"
"""Name of the role in the document."""

START_TIMEOUT = 30.0
"""Seconds that it may take until it accepts connections."""


def find_pgbouncer() -> str | None:
    """Return the path of the program where it is installed; on Debian it is not in the path of everybody."""
    return shutil.which("pgbouncer", path=os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin"]))


def limits_of_the_role() -> Sequence[str]:
    """Return the statements that give the role the limits which PgBouncer does not pass on."""
    return [line.removesuffix(";") for line in _fence("sql").splitlines()]


@contextlib.asynccontextmanager
async def bounced(program: str, postgres: PostgresServer, mode: str) -> AsyncIterator[int]:
    """Run PgBouncer before a server for the time of a block; yield its port.

    Args:
        program: Its path.
        postgres: The server, into which the role of the document may log in.
        mode: Its `pool_mode`.

    Raises:
        RuntimeError: When it does not start, with its log.
    """
    with tempfile.TemporaryDirectory(prefix="citrine-pgbouncer-") as name:
        directory, port = Path(name), free_port()
        # It does not run as root, and who it then runs as must read its files.
        directory.chmod(0o755)
        users, settings, log = (directory / file for file in ("users.txt", "pgbouncer.ini", "log"))
        users.write_text(f'"{ROLE}" ""\n')
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={postgres.port}\n[pgbouncer]\n"
            f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
            f"auth_type = trust\nauth_file = {users}\n"
            + _fence("ini").replace("pool_mode = session", f"pool_mode = {mode}")
        )
        user = ["--user", postgres.data_owner] if os.geteuid() == 0 else []
        process = _start([program, *user, str(settings)], log)
        try:
            async with asyncio.timeout(START_TIMEOUT):
                while not _listens(port):
                    if process.poll() is not None:
                        raise RuntimeError(f"PgBouncer did not start:\n{log.read_text()}")
                    await asyncio.sleep(0.02)
            yield port
        finally:
            process.kill()
            process.wait()


def _start(command: Sequence[str], log: Path) -> "subprocess.Popen[bytes]":
    with log.open("wb") as output:
        return subprocess.Popen(command, stdout=output, stderr=output)


def _fence(language: str) -> str:
    """Return the text of a fence in the section about PgBouncer."""
    document = (ROOT / "docs" / "deployment.md").read_text(encoding="utf-8")
    section = document.split("\n## PgBouncer\n")[1].split("\n## ")[0]
    [found] = re.findall(rf"^```{language}\n(.+?)^```", section, re.MULTILINE | re.DOTALL)
    text: str = found
    return text


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
