"""The process of the simulated eMSP, which registers and then serves until SIGTERM."""

import asyncio
import logging
import sys
from collections.abc import Sequence

from citrine_ocpi.serving import listening_socket, quieten, serve_until_stopped
from citrine_ocpi.simulated_emsp.config import EmspSettings, read_settings
from citrine_ocpi.simulated_emsp.peer import EmspFailed, SimulatedEmsp
from citrine_process.addresses import join_address
from citrine_process.logs import set_up_logging
from citrine_process.running import announce_ready, loop_factory
from citrine_process.settings import InvalidSetting

__all__ = ["main"]

_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run a simulated eMSP until SIGTERM or SIGINT; return the exit code."""
    try:
        settings = read_settings(arguments)
        set_up_logging(settings.log_level)
        quieten()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(settings))
    except (InvalidSetting, EmspFailed, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2


async def _serve(settings: EmspSettings) -> int:
    opened = listening_socket(settings.emsp_listen)
    address = join_address(*opened.getsockname()[:2])
    emsp = SimulatedEmsp(f"http://{address}", settings.emsp_version, settings.emsp_party, settings.emsp_state_file)

    async def begin() -> None:
        # The adapter calls it meanwhile.
        if not emsp.resume():
            token_a = settings.emsp_token_file.read_text(encoding="ascii").strip()
            await emsp.register(settings.emsp_versions_url, token_a)
        announce_ready(settings.ready_file, {"http": address})
        _logger.info("the simulated eMSP listens", extra={"address": address})
        await asyncio.Event().wait()

    return await serve_until_stopped(emsp.app, opened, begin())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
