"""The run of `citrine up`: start, supervision and stop of its processes."""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from functools import partial

import grpc

from citrine_cli.admission_hints import refusal_hint
from citrine_cli.connection import DEFAULT_CORE, DEFAULT_KEY_FILE
from citrine_cli.errors import CliError
from citrine_cli.statuses import sentence
from citrine_cli.up.certificates import StationTls, hosts_for, station_tls
from citrine_cli.up.console_login import login_link, write_login
from citrine_cli.up.demo import TENANT, Demo, seed
from citrine_cli.up.files import ensure_secret, locked_directory
from citrine_cli.up.introduction import forget, introduction, remember
from citrine_cli.up.patience import said_while_slow
from citrine_cli.up.ports import check_free, reachable
from citrine_cli.up.roaming import start_roaming
from citrine_cli.up.screen import Screen
from citrine_cli.up.settings import UpSettings
from citrine_cli.up.simulators import Group, groups, simulator_arguments
from citrine_cli.up.supervisor import Child, Ready
from citrine_sdk import Citrine
from citrine_words.event_lines import event_line

__all__ = ["run_up"]

UPGRADE_TIMEOUT = 600.0
"""Longest time of migrations, in seconds."""

_LISTENERS: Mapping[int, str] = {1: "ocpp", 2: "ocpps", 3: "ocpps_mtls"}
"""Listeners of the edge by security profile."""

FOLLOW_INTERVAL = 10.0
"""Seconds until a refused subscription is retried."""


class _Up:
    """The processes of one `citrine up`, and their output on the screen."""

    def __init__(self, settings: UpSettings, screen: Screen) -> None:
        self._settings = settings
        self._screen = screen
        # By variable, because everybody on the machine can read command lines, with the password in the URL.
        self._database = {"CITRINE_DATABASE": settings.database}
        self._tls: StationTls | None = None
        self.children: list[Child] = []
        """Children in the order of their start."""

    async def serve(self) -> None:
        """Start all processes and supervise them until cancelled."""
        settings = self._settings
        self._check_ports()
        ensure_secret(settings.edge_credential_file)
        if settings.tls_listeners:
            self._tls = station_tls(settings.ca_folder, hosts_for(*settings.tls_listeners.values()))
        core, edge, console = await self._start_processes()
        grpc_address = reachable(core["grpc"])
        urls = {
            profile: f"{'ws' if profile == 1 else 'wss'}://{reachable(edge[name])}"
            for profile, name in _LISTENERS.items()
            if name in edge
        }
        async with AsyncExitStack() as stack:
            key = settings.operator_key_file.read_text(encoding="utf-8").strip()
            tenants = ["default", TENANT] if settings.demo else ["default"]
            clients = {
                tenant: await stack.enter_async_context(Citrine(grpc_address, key=key, tenant=tenant))
                for tenant in tenants
            }
            tasks = await stack.enter_async_context(asyncio.TaskGroup())
            for child in self.children:
                tasks.create_task(child.supervise(), name=f"keep {child.name}")
            try:
                demo = await seed(clients["default"], clients[TENANT], settings.demo_file) if settings.demo else None
            except grpc.aio.AioRpcError as error:
                raise CliError(f"the demo can't be made: {sentence(error, grpc_address)}") from error
            emsp = await self._start_roaming(grpc_address, tasks) if settings.ocpi else ""
            self._introduce(grpc_address, urls, demo, console, emsp)
            for tenant, citrine in clients.items():
                tasks.create_task(self._follow(citrine), name=f"follow {tenant}")
            if demo is not None:
                for group in groups(demo, urls):
                    simulator = self._simulator(group, demo)
                    await simulator.start()
                    tasks.create_task(simulator.supervise(), name=f"keep {simulator.name}")

    def _check_ports(self) -> None:
        settings = self._settings
        check_free("stations", "CITRINE_OCPP_LISTEN", settings.ocpp_listen)
        for name, address in settings.tls_listeners.items():
            check_free("stations with TLS", f"CITRINE_{name.upper()}_LISTEN", address)
        check_free("gRPC", "CITRINE_GRPC_LISTEN", settings.grpc_listen)
        check_free("the core's health and metrics", "CITRINE_CORE_HTTP_LISTEN", settings.core_http_listen)
        check_free("the edge's health and metrics", "CITRINE_EDGE_HTTP_LISTEN", settings.edge_http_listen)

    async def _start_processes(self) -> tuple[Ready, Ready, Ready]:
        """Upgrade the database and start core, edge and console; return their addresses."""
        directory = self._settings.data_dir
        self._screen.line("starting Citrine; this takes about 5 seconds: the database …")
        with_patience = partial(said_while_slow, self._screen.line)
        async with with_patience("the database", directory / "upgrade.log"):
            await self._upgrade()
        self._screen.line("the core …")
        core = self._child("core", self._core_arguments)
        async with with_patience("the core", directory / "core.log"):
            await core.start()
        self._screen.line("the edge …")
        edge = self._child("edge", lambda before: self._edge_arguments(before, core))
        async with with_patience("the edge", directory / "edge.log"), asyncio.TaskGroup() as starts:
            starts.create_task(edge.start(), name="start the edge")
            console = starts.create_task(self._start_console(core), name="start the console")
        return core.ready, edge.ready, console.result()

    async def _start_console(self, core: Child) -> Ready:
        """Start the console if there is to be one; return its address."""
        settings = self._settings
        if not settings.console_listen:
            return {}
        key = settings.operator_key_file.read_text(encoding="utf-8").strip()
        write_login(settings.console_login_file, key, TENANT if settings.demo else "")
        console = self._child("console", lambda before: self._console_arguments(before, core))
        try:
            # Stations charge without it: those who had no console before an upgrade may have its port in use.
            check_free("the console", "CITRINE_CONSOLE_LISTEN", settings.console_listen)
            return await console.start()
        except CliError as error:
            self.children.remove(console)
            self._notice(f"there is no console: {error}")
            return {}

    async def _start_roaming(self, core: str, tasks: asyncio.TaskGroup) -> str:
        """Start the OCPI adapter and the eMSP; return where one sees what that gets."""
        self._screen.line("the OCPI adapter …")
        before = len(self.children)
        try:
            return await start_roaming(self._settings, core, self.children, self._notice)
        except CliError as error:
            # Stations charge without it.
            self._notice(f"there is no roaming: {error}")
            return ""
        finally:
            for child in self.children[before:]:
                tasks.create_task(child.supervise(), name=f"keep {child.name}")

    async def stop(self) -> None:
        """Stop the children, the last one first: stations, then the edge, then the core."""
        for child in reversed(self.children):
            await child.stop()

    def kill(self) -> None:
        """Kill the children at once."""
        for child in self.children:
            child.kill()

    def _child(self, name: str, arguments: Callable[[Ready], list[str]]) -> Child:
        directory = self._settings.data_dir
        child = Child(
            name,
            arguments,
            log=directory / f"{name}.log",
            ready_file=directory / f"{name}.ready.json",
            notice=self._notice,
            variables=self._database if name == "core" else None,
        )
        self.children.append(child)
        return child

    def _simulator(self, group: Group, demo: Demo) -> Child:
        child = Child(
            f"simulator of profile {group.profile}",
            lambda _: simulator_arguments(self._settings, group, demo, self._tls),
            log=self._settings.data_dir / f"simulator-{group.profile}.log",
            ready_file=None,
            notice=self._notice,
        )
        self.children.append(child)
        return child

    def _notice(self, text: str) -> None:
        self._screen.line(f"! {text}")

    async def _upgrade(self) -> None:
        child = Child(
            "database upgrade",
            lambda _: ["db", "upgrade"],
            log=self._settings.data_dir / "upgrade.log",
            ready_file=None,
            notice=self._notice,
            variables=self._database,
        )
        self.children.append(child)
        await child.start()
        await child.finish(UPGRADE_TIMEOUT)
        self.children.remove(child)

    def _core_arguments(self, before: Ready) -> list[str]:
        settings = self._settings
        return [
            "core",
            *("--grpc-listen", before.get("grpc", settings.grpc_listen)),
            *("--http-listen", before.get("http", settings.core_http_listen)),
            *("--edge-credential-file", str(settings.edge_credential_file)),
            *("--operator-key-file", str(settings.operator_key_file)),
            *("--encryption-key-file", str(settings.encryption_key_file)),
            *self._signing_arguments(),
            *("--ready-file", str(settings.data_dir / "core.ready.json")),
        ]

    def _edge_arguments(self, before: Ready, core: Child) -> list[str]:
        settings = self._settings
        return [
            "edge",
            *("--ocpp-listen", before.get("ocpp", settings.ocpp_listen)),
            *self._tls_arguments(before),
            *("--core", reachable(core.ready["grpc"])),
            *("--http-listen", before.get("http", settings.edge_http_listen)),
            *("--edge-credential-file", str(settings.edge_credential_file)),
            *("--ready-file", str(settings.data_dir / "edge.ready.json")),
        ]

    def _console_arguments(self, before: Ready, core: Child) -> list[str]:
        settings = self._settings
        return [
            "console",
            *("--console-listen", before.get("http", settings.console_listen)),
            *("--core", reachable(core.ready["grpc"])),
            *("--console-login-file", str(settings.console_login_file)),
            *("--ready-file", str(settings.data_dir / "console.ready.json")),
        ]

    def _signing_arguments(self) -> list[str]:
        """Return what has the core sign certificates of stations."""
        if self._tls is None:
            return []
        return [
            *("--station-ca-certificate-file", str(self._tls.ca_file)),
            *("--station-ca-key-file", str(self._tls.ca_key_file)),
        ]

    def _tls_arguments(self, before: Ready) -> list[str]:
        listeners = {"ocpps": self._settings.ocpps_listen, "ocpps_mtls": self._settings.ocpps_mtls_listen}
        # Those that are empty are said, too: a variable may say something else.
        listen = [f"--{name.replace('_', '-')}-listen={before.get(name, given)}" for name, given in listeners.items()]
        if self._tls is None:
            return listen
        certificates, keys = zip(*self._tls.certificates, strict=True)
        return [
            *listen,
            *("--ocpps-certificate-file", ",".join(map(str, certificates))),
            *("--ocpps-key-file", ",".join(map(str, keys))),
            *("--ocpps-client-ca-file", str(self._tls.ca_file)),
        ]

    def _introduce(
        self, grpc_address: str, urls: Mapping[int, str], demo: Demo | None, console: Ready, emsp: str
    ) -> None:
        said = introduction(
            self._settings,
            grpc=grpc_address,
            urls=urls,
            health=[self._http("core"), self._http("edge")],
            options=self._where(grpc_address),
            groups=[] if demo is None else list(groups(demo, urls)),
            demo=demo,
            console=login_link(self._settings.console_login_file, reachable(console["http"])) if console else "",
            emsp=emsp,
        )
        remember(self._settings.data_dir, said)
        self._screen.introduce(said)

    def _where(self, grpc_address: str) -> str:
        """Return the options that commands need if addresses or files are not the default ones."""
        core = "" if grpc_address == DEFAULT_CORE else f"--core {grpc_address} "
        key_file = self._settings.operator_key_file
        return core if key_file == DEFAULT_KEY_FILE else f"{core}--key-file {key_file} "

    def _http(self, name: str) -> str:
        (child,) = (child for child in self.children if child.name == name)
        return reachable(child.ready["http"])

    async def _follow(self, citrine: Citrine) -> None:
        while True:
            try:
                async for event in citrine.follow_events():
                    hint = refusal_hint(event, "") if event.HasField("station_refused") else ""
                    after = f"; {hint}" if hint else ""
                    self._screen.line(event_line(event, columns=self._screen.columns, after=after))
            except grpc.aio.AioRpcError as error:
                # Retrying at once does not help. The error is printed, and everything else continues.
                self._notice(f"events can't be followed: {error.details() or error.code().name}")
                await asyncio.sleep(FOLLOW_INTERVAL)


async def _until_signalled(settings: UpSettings, screen: Screen) -> None:
    up = _Up(settings, screen)
    signals = 0
    signalled = asyncio.Event()

    def on_signal() -> None:
        nonlocal signals
        signals += 1
        signalled.set()
        if signals > 1:
            up.kill()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, on_signal)
    loop.add_signal_handler(signal.SIGWINCH, screen.resized)
    serving = asyncio.create_task(up.serve(), name="serve")
    waiting = asyncio.create_task(signalled.wait(), name="wait for a signal")
    try:
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        if signalled.is_set():
            screen.line("stopping")
        elif (error := serving.exception()) is not None:
            raise _cause(error)
    finally:
        for task in (serving, waiting):
            task.cancel()
        await asyncio.gather(serving, waiting, return_exceptions=True)
        await up.stop()


def _cause(error: BaseException) -> BaseException:
    # A task group wraps the error that ended it.
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def run_up(settings: UpSettings, screen: Screen) -> None:
    """Run Citrine until SIGINT or SIGTERM. A second signal kills the remaining processes.

    Args:
        settings: Settings of `citrine up`.
        screen: The screen to print on.

    Raises:
        CliError: When it can't be started.
    """
    os.umask(0o077)
    with locked_directory(settings.data_dir):
        forget(settings.data_dir)
        try:
            asyncio.run(_until_signalled(settings, screen))
        finally:
            screen.close()
            forget(settings.data_dir)
