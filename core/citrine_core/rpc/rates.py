"""How many rpcs a tenant may begin within a second."""

import asyncio
import time
from collections.abc import Callable

from citrine_core.errors import QuotaExceeded
from citrine_core.rpc.caller import Caller

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
        self._left: dict[str, tuple[float, float]] = {}
        """How many rpcs a tenant may begin at once, and since when, of those that have a rate."""

    def begin(self, caller: Caller | None) -> None:
        """Count an rpc that begins.

        Raises:
            QuotaExceeded: When the tenant of the caller began too many.
        """
        if caller is None or caller.is_operator:
            return
        most = self._rate_of(caller.tenant_id)
        if most is None:
            self._left.pop(caller.tenant_id, None)
            return
        now = self._now()
        left, since = self._left.get(caller.tenant_id, (float(most), now))
        left = min(float(most), left + (now - since) * most)
        begins = left >= 1
        self._left[caller.tenant_id] = (left - 1 if begins else left, now)
        if not begins:
            raise QuotaExceeded("requests per second", most)

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
