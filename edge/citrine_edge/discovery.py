"""Discovery of cores: one link for each address behind the names in the settings, and for each worker behind it."""

import asyncio
import contextlib
import ipaddress
import logging
import socket
from collections.abc import Callable

from citrine_edge.link import Link
from citrine_edge.router import Router
from citrine_process.addresses import join_address, split_address

__all__ = ["Discovery"]

RESOLVE_INTERVAL = 10.0
"""Seconds between look-ups of DNS names."""

FAILED_PAUSE = 5.0
"""Seconds until a link that failed by a bug is run again."""

_logger = logging.getLogger(__name__)


class Discovery:
    """Maintains one link to each address of each core.

    Where several workers share an address, each has another one: the Welcome of any of them lists their ports. The
    shared address is dialled to get that list, and again while none of the workers is linked, since there may be
    other workers now, or one core alone. It never has a link of its own: the worker that it reaches is a random one.

    Args:
        cores: Addresses in the settings.
        router: Gets the links.
        connect: Returns the link to an address; the second argument is the DNS name that it was found by, or "".
        defect: Called with the bugs of background tasks.
    """

    def __init__(
        self,
        cores: str,
        router: Router,
        connect: Callable[[str, str], Link],
        defect: Callable[[str, BaseException], None],
    ) -> None:
        self._targets = [split_address(each) for each in cores.split(",") if each.strip()]
        self._router = router
        self._connect = connect
        self._defect = defect
        self._tasks: dict[str, tuple[Link, asyncio.Task[None]]] = {}
        self._workers: dict[str, frozenset[str]] = {}
        self._names: dict[str, str] = {}
        """Names in the settings by the addresses that were found for them."""
        self._redirected = asyncio.Event()
        """Set when a link learned that several workers share its address."""

    async def run(self) -> None:
        """Resolve the names periodically until cancelled. Cancellation ends the links as well."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                try:
                    await self._look(tasks)
                except Exception as error:
                    self._defect("discovery", error)
                self._redirected.clear()
                # Not by wait_for, which loses a cancellation that comes just after a link has ended (Python 3.11).
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(RESOLVE_INTERVAL):
                        await self._redirected.wait()

    async def _look(self, tasks: asyncio.TaskGroup) -> None:
        addresses, actions = set[str](), dict[str, frozenset[str] | None]()
        for address in await self._resolve():
            workers = self._behind(address)
            addresses |= workers
            actions |= dict.fromkeys(workers, self._known_actions(address))
        for address in addresses - self._tasks.keys():
            # The certificate of a core is for the name in the settings, which only the first look-up knows.
            link = self._connect(address, self._names.get(split_address(address)[0], ""))
            # Workers of one address serve the same actions. Without any, stations' messages would be refused.
            link.known_actions = actions[address]
            self._router.add(link)
            self._tasks[address] = link, tasks.create_task(self._run(link), name=f"link to {address}")
        for address in list(self._tasks.keys() - addresses):
            # DNS may be behind. A link that is up is not ended.
            if not self._tasks[address][0].up:
                await self._end(address)

    def _behind(self, address: str) -> frozenset[str]:
        """Return the addresses to dial for one of the settings: itself, or those of the workers that share it."""
        host, _ = split_address(address)
        known = self._workers.get(address, frozenset())
        links = [self._tasks[one] for one in {address, *known} if one in self._tasks]
        answered = [link for link, task in links if link.up or task.done()]
        if not answered:
            # Workers that have just become known are dialled, and the shared address again after a while.
            return known if known and self._redirected.is_set() else known | {address}
        workers = frozenset(join_address(host, port) for link in answered for port in link.worker_ports)
        if workers - known:
            _logger.info("several cores share an address", extra={"core": address, "workers": sorted(workers)})
        self._workers[address] = workers
        return workers or frozenset({address})

    def _known_actions(self, address: str) -> frozenset[str] | None:
        known = (self._tasks[one][0] for one in {address, *self._workers.get(address, ())} if one in self._tasks)
        return next((link.known_actions for link in known if link.known_actions is not None), None)

    async def _run(self, link: Link) -> None:
        """Run a link, and rerun it after a bug, which must not end the other links."""
        while True:
            try:
                await link.run()
            except Exception as error:
                self._defect("link", error)
                await asyncio.sleep(FAILED_PAUSE)
            else:
                # It is finished, or several workers share its address.
                self._redirected.set()
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
        addresses = [str(each[4][0]) for each in found]
        self._names.update(dict.fromkeys(addresses, host))
        return addresses
