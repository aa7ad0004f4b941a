"""How many rpcs a tenant may begin within a second."""

import asyncio
import time
from collections.abc import Callable

from citrine_core.errors import QuotaExceeded
from citrine_core.rpc.caller import Caller
from citrine_process.token_bucket import TokenBucket

__all__ = ["RateOf", "Rates"]

RateOf = Callable[[str], int | None]
"""`rate_of(tenant_id)` returns how many rpcs a tenant may begin within a second; None: any number."""


class Rates:
    """Counts the rpcs that tenants begin (token bucket): after a pause they may begin as many at once as in a second.

    The requests of a stream that changes something count each, and wait for their turn. Rpcs of the operator do not
    count.

    Args:
        rate_of: Returns the rate of a tenant.
        now: A monotonic clock, in seconds.
    """

    def __init__(self, rate_of: RateOf, now: Callable[[], float] = time.monotonic) -> None:
        self._rate_of = rate_of
        self._now = now
        self._buckets: dict[str, tuple[int, TokenBucket]] = {}
        """Of the tenants that have a rate: which, and its bucket."""

    def begin(self, caller: Caller | None) -> None:
        """Count an rpc that begins.

        Raises:
            QuotaExceeded: When the tenant of the caller began too many.
        """
        if caller is None or caller.is_operator:
            return
        most = self._rate_of(caller.tenant_id)
        if most is None:
            self._buckets.pop(caller.tenant_id, None)
        elif most == 0 or not self._bucket(caller.tenant_id, most).try_acquire(self._now()):
            raise QuotaExceeded("requests per second", most)

    def _bucket(self, tenant_id: str, most: int) -> TokenBucket:
        rate, bucket = self._buckets.get(tenant_id, (None, None))
        if bucket is None or rate != most:
            bucket = TokenBucket(most, most, self._now())
            self._buckets[tenant_id] = most, bucket
        return bucket

    async def go_on(self, caller: Caller) -> None:
        """Count a further request of a stream, as soon as it may begin.

        Raises:
            QuotaExceeded: When the tenant of the caller may begin none at all.
        """
        while True:
            try:
                return self.begin(caller)
            except QuotaExceeded as error:
                if not error.most:
                    raise
                await asyncio.sleep(1 / error.most)
