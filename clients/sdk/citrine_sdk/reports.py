"""Watching a report until it is finished, across reconnects."""

from collections.abc import AsyncGenerator

import grpc
from grpc.aio import UnaryStreamMultiCallable

from citrine.api.v1.reports_pb2 import ReportRun, WatchReportRunRequest
from citrine_sdk.backoff import Backoff

__all__ = ["follow_report"]

# The core stopped or the connection was lost. Another core serves the same report.
_RETRIED = frozenset({grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL, grpc.StatusCode.UNKNOWN})


async def follow_report(
    watch: UnaryStreamMultiCallable[WatchReportRunRequest, ReportRun],
    request: WatchReportRunRequest,
    *,
    backoff: Backoff | None = None,
) -> AsyncGenerator[ReportRun, None]:
    """Yield the current state of a report, then each changed state, until the report has a finish_time.

    After the first state, lost connections and stopped cores only delay the next. There is no time limit: put the
    loop under `asyncio.timeout`.

    Args:
        watch: `citrine.reports.WatchReportRun`.
        request: Names the report.
        backoff: Waiting times between attempts. None: up to 10 seconds.

    Raises:
        grpc.aio.AioRpcError: When no core can be reached before the first state, or the core refuses, e.g. NOT_FOUND.
    """
    wait = backoff or Backoff()
    shown = ReportRun()
    failures = 0
    while True:
        stream = watch(request)
        try:
            # At the end of the stream, `read` returns grpc.aio.EOF.
            while isinstance(run := await stream.read(), ReportRun):
                failures = 0
                if run != shown:
                    shown = run
                    yield run
            # The core ends the stream when the report is finished.
            return
        except grpc.aio.AioRpcError as error:
            if error.code() not in _RETRIED or shown == ReportRun():
                raise
        finally:
            stream.cancel()
        failures += 1
        await wait.sleep(wait.seconds(failures))
