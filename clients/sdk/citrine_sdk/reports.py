"""Reports that are waited for: how they arrive, across reconnects, until nothing more is expected."""

from collections.abc import AsyncGenerator

import grpc
from grpc.aio import UnaryStreamMultiCallable

from citrine.api.v1.reports_pb2 import ReportRun, WatchReportRunRequest
from citrine_sdk.events import Backoff

__all__ = ["follow_report"]

# The core stops, or the way to it is lost: another one knows the report as well.
_RETRIED = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


async def follow_report(
    watch: UnaryStreamMultiCallable[WatchReportRunRequest, ReportRun],
    request: WatchReportRunRequest,
    *,
    backoff: Backoff | None = None,
) -> AsyncGenerator[ReportRun, None]:
    """Yield a report as it is, and each time that it changed, until it has a finish_time.

    Lost connections and stopped cores are outlasted once the report was seen. There is no limit of time: put the
    loop under `asyncio.timeout`.

    Args:
        watch: `citrine.reports.WatchReportRun`.
        request: Which report.
        backoff: How long to wait between attempts. None: up to 10 seconds.

    Raises:
        grpc.aio.AioRpcError: When the core can't be reached at first, or refuses, e.g. NOT_FOUND.
    """
    wait = backoff or Backoff()
    shown = ReportRun()
    failures = 0
    while True:
        stream = watch(request)
        try:
            # grpc.aio.EOF is no ReportRun.
            while isinstance(run := await stream.read(), ReportRun):
                failures = 0
                if run != shown:
                    shown = run
                    yield run
            # The core ends the stream where nothing more is expected.
            return
        except grpc.aio.AioRpcError as error:
            if error.code() not in _RETRIED or shown == ReportRun():
                raise
        finally:
            stream.cancel()
        failures += 1
        await wait.sleep(wait.seconds(failures))
