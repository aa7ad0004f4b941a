"""The process of the adapter: composition from settings, run until SIGTERM."""

import asyncio
import logging
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack

from sqlalchemy.exc import SQLAlchemyError

from citrine_ocpi.adapter import Adapter, office
from citrine_ocpi.config import OcpiSettings, read_settings
from citrine_ocpi.db import SchemaTooNew
from citrine_ocpi.key_file import EncryptionKeyError
from citrine_ocpi.serving import listening_socket, quieten, serve_until_stopped
from citrine_process.addresses import join_address, split_address
from citrine_process.http import HealthServer
from citrine_process.logs import set_up_logging
from citrine_process.running import announce_ready, loop_factory
from citrine_process.settings import InvalidSetting
from citrine_sdk import Citrine

__all__ = ["main"]

_logger = logging.getLogger(__name__)


def main(arguments: Sequence[str]) -> int:
    """Run an adapter until SIGTERM or SIGINT; return the exit code."""
    try:
        settings = read_settings(arguments)
        set_up_logging(settings.log_level)
        quieten()
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(_serve(settings))
    except (InvalidSetting, EncryptionKeyError, SchemaTooNew, OSError) as error:
        sys.stderr.write(f"error: {error}\n")
        return 2
    except SQLAlchemyError as error:
        sys.stderr.write(f"error: the database of the OCPI adapter can't be used: {' '.join(str(error).split())}\n")
        return 2


def _key(settings: OcpiSettings) -> str:
    try:
        return settings.ocpi_key_file.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise InvalidSetting(f"ocpi_key_file: {settings.ocpi_key_file}: {error.strerror}") from error


async def _serve(settings: OcpiSettings) -> int:
    key = _key(settings)
    async with AsyncExitStack() as stack:
        citrine = await stack.enter_async_context(
            Citrine(settings.core, key=key, tenant=settings.ocpi_tenant or None, ca_file=settings.core_ca_file)
        )
        # The application needs the port, which may be any free one.
        opened_socket = stack.enter_context(listening_socket(settings.ocpi_listen))
        address = join_address(*opened_socket.getsockname()[:2])
        public_url = settings.public_url(address)
        opened = await stack.enter_async_context(office(settings, public_url))
        adapter = Adapter(settings, opened, citrine, public_url)
        health = HealthServer(adapter.missing, adapter.render_metrics)
        health_address = join_address(*await health.listen(*split_address(settings.ocpi_http_listen)))
        stack.callback(health.close)
        announce_ready(settings.ready_file, {"ocpi": address, "http": health_address})
        _logger.info("the OCPI adapter listens", extra={"address": address, "public_url": public_url})
        return await serve_until_stopped(adapter.app, opened_socket, adapter.run())


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
