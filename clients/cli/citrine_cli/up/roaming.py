"""The roaming of `citrine up --ocpi`: the OCPI adapter, and a simulated eMSP at the demo."""

from collections.abc import Callable, Mapping
from contextlib import suppress

from citrine_cli.up.demo import TENANT
from citrine_cli.up.ports import check_free, reachable
from citrine_cli.up.settings import UpSettings
from citrine_cli.up.supervisor import Child, ChildFailed, Ready

__all__ = ["start_roaming"]

PARTY, PARTNER = "DE-CIT", "emsp"
COMMAND_TIMEOUT = 60.0
"""Longest time of a command on the adapter's database, in seconds."""


async def start_roaming(settings: UpSettings, core: str, children: list[Child], notice: Callable[[str], None]) -> str:
    """Start the adapter, and with the demo the eMSP, which are added to the children; return where to see what it gets.

    Args:
        settings: Settings of `citrine up`.
        core: Address of the core.
        children: Those that run, in the order of their start.
        notice: Called with a line about each death.

    Raises:
        CliError: When one of them can't be started.
    """
    check_free("the OCPI adapter", "CITRINE_OCPI_LISTEN", settings.ocpi_listen)
    check_free("the health of the OCPI adapter", "CITRINE_OCPI_HTTP_LISTEN", settings.ocpi_http_listen)
    if settings.demo:
        check_free("the simulated eMSP", "CITRINE_EMSP_LISTEN", settings.emsp_listen)
    directory = settings.data_dir
    variables = {
        # Commands call it as well: a partner is removed with its tokens there.
        "CITRINE_CORE": core,
        "CITRINE_OCPI_DATABASE": f"sqlite+aiosqlite:///{directory / 'ocpi.db'}",
        "CITRINE_OCPI_ENCRYPTION_KEY_FILE": str(directory / "ocpi.keys"),
        "CITRINE_OCPI_KEY_FILE": str(settings.operator_key_file),
        "CITRINE_OCPI_TENANT": TENANT if settings.demo else "",
        # The simulated eMSP is on this machine.
        "CITRINE_OCPI_ALLOW_INSECURE_PARTNERS": str(settings.demo).lower(),
    }

    def child(name: str, arguments: Callable[[Ready], list[str]], *, is_command: bool = False) -> Child:
        return Child(
            f"OCPI {name}",
            arguments,
            log=directory / f"ocpi-{name}.log",
            ready_file=None if is_command else directory / f"ocpi-{name}.ready.json",
            notice=notice,
            variables=variables,
        )

    async def command(*words: str) -> None:
        one = child("setup", lambda _: ["ocpi", *words], is_command=True)
        await one.start()
        await one.finish(COMMAND_TIMEOUT)

    adapter = child("adapter", lambda before: _adapter_arguments(settings, core, before))
    await adapter.start()
    children.append(adapter)
    if not settings.demo:
        return ""
    variables["CITRINE_OCPI_LISTEN"] = reachable(adapter.ready["ocpi"])
    token_file, state_file = directory / "ocpi-token-a", directory / "ocpi-emsp.json"
    await command("party", "set", PARTY, "--name", "Citrine demo")
    # One of an earlier run knows addresses that may be others now.
    state_file.unlink(missing_ok=True)
    with suppress(ChildFailed):
        await command("partner", "remove", PARTNER, "--unnotified", "--yes")
    await command("partner", "add", PARTNER, "--file", str(token_file))
    emsp = child("emsp", lambda before: _emsp_arguments(settings, adapter.ready, before))
    await emsp.start()
    children.append(emsp)
    return f"http://{reachable(emsp.ready['http'])}/"


def _adapter_arguments(settings: UpSettings, core: str, before: Ready) -> list[str]:
    return [
        *("ocpi", "serve"),
        *("--ocpi-listen", before.get("ocpi", settings.ocpi_listen)),
        *("--ocpi-http-listen", before.get("http", settings.ocpi_http_listen)),
        *("--core", core),
        *("--ready-file", str(settings.data_dir / "ocpi-adapter.ready.json")),
    ]


def _emsp_arguments(settings: UpSettings, adapter: Mapping[str, str], before: Ready) -> list[str]:
    return [
        *("ocpi", "emsp"),
        *("--emsp-listen", before.get("http", settings.emsp_listen)),
        *("--emsp-versions-url", f"http://{reachable(adapter['ocpi'])}/ocpi/versions"),
        *("--emsp-token-file", str(settings.data_dir / "ocpi-token-a")),
        *("--emsp-state-file", str(settings.data_dir / "ocpi-emsp.json")),
        *("--ready-file", str(settings.data_dir / "ocpi-emsp.ready.json")),
    ]
