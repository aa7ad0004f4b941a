"""Discovery of cores: one link for each address behind the names in the settings."""

import asyncio
import ipaddress
import logging
import socket
from collections.abc import Callable

from citrine_edge.link import Link
from citrine_edge.router import Router
from citrine_process.addresses import split_address

__all__ = ["Discovery"]

RESOLVE_INTERVAL = 10.0
"""Seconds between look-ups of DNS names."""

FAILED_PAUSE = 5.0
"""Seconds until a link that failed by a bug is run again."""

_logger = logging.getLogger(__name__)


class Discovery:
    """Maintains one link to each address of each core."""

    def __init__(
        self,
        cores: str,
        router: Router,
        connect: Callable[[str], Link],
        defect: Callable[[str, BaseException], None],
    ) -> None:
        self._targets = [split_address(each) for each in cores.split(",") if each.strip()]
        self._router = router
        self._connect = connect
        self._defect = defect
        self._tasks: dict[str, tuple[Link, asyncio.Task[None]]] = {}

    async def run(self) -> None:
        """Resolve the names periodically until cancelled. Cancellation ends the links as well."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._look(tasks)
                except Exception as error:
                    self._defect("discovery", error)
                await asyncio.sleep(RESOLVE_INTERVAL)

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        addresses = await self._resolve()
        for address in addresses - self._tasks.keys():
            link = self._connect(address)
            self._router.add(link)
            self._tasks[address] = link, tasks.create_task(self._run(link), name=f"link to {address}")
        for address in list(self._tasks.keys() - addresses):
            # DNS may be behind. A link that is up is not ended.
            if not self._tasks[address][0].up:
                await self._end(address)

    async def _run(self, link: Link) -> None:
        """Run a link, and rerun it after a bug, which must not end the other links."""
        while True:
            try:
                await link.run()
            except Exception as error:
                self._defect("link", error)
                await asyncio.sleep(FAILED_PAUSE)
            else:
                return

    async def _end(self, address: str) -> None:
        link, task = self._tasks.pop(address)
        task.cancel()
        await asyncio.wait({task})
        self._router.remove(link)

    async def _resolve(self) -> set[str]:
        addresses = set()
        for host, port in self._targets:
            try:
                found = [str(ipaddress.ip_address(host))]
            except ValueError:
                found = await self._look_up(host, port)
            addresses |= {f"[{each}]:{port}" if ":" in each else f"{each}:{port}" for each in found}
        return addresses

    async def _look_up(self, host: str, port: int) -> list[str]:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            _logger.warning("core's name was not found", extra={"host": host, "problem": str(error)})
            # The addresses of the last look-up may still be right.
            return [host for host, of in (split_address(each) for each in self._tasks) if of == port]
        return [str(each[4][0]) for each in found]
