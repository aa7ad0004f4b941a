"""Calls with an idempotency key: handled once, and answered alike by any core, however often they come."""

import asyncio
import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from functools import partial
from typing import Any

import grpc
from google.protobuf.message import Message
from google.rpc.status_pb2 import Status
from sqlalchemy import Row

from citrine_core.clock import Clock
from citrine_core.db import UnitOfWork, UnitOfWorkFactory
from citrine_core.db.deferral import Deferral
from citrine_core.encryption import Cipher
from citrine_core.errors import CallUnderWay, CoreError, FailedPrecondition, InvalidArgument, PermissionDenied, Stopping
from citrine_core.resources.idempotency.answers import AnswerOfCommand, bears_secret, sealed, unsealed
from citrine_core.resources.idempotency.repository import SECRETS, IdempotencyKeys
from citrine_core.rpc.access import response_class
from citrine_core.rpc.caller import Caller
from citrine_core.rpc.idempotency import IDEMPOTENCY_KEY, REPLAYED, checked_key, set_keyed_call
from citrine_core.rpc.statuses import StoredFailure, failure_of

__all__ = ["KeyedCalls"]

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]
Run = Callable[[], Awaitable[Message]]

LONGEST_WAIT = 10.0
"""Seconds that a call waits for an earlier one with its key that is under way."""

PAUSE = 0.1
"""Seconds between two looks at it."""

MARGIN = 0.2
"""Seconds of the caller's deadline that are left for the answer."""

GRACE = timedelta(seconds=5)
"""After the end of its command a call has this long to store its answer. Its core is gone if it does not."""


class _KeyInUse(CallUnderWay):
    """Another call with the same idempotency key has stored something in between: this one may store nothing."""

    def __str__(self) -> str:
        return "another call with this idempotency key is under way"


class KeyedCalls:
    """Handles calls with an idempotency key.

    Invariants:

    - The first thing that a call stores is committed together with its key; who comes second stores nothing, on any
      core. Where the call stores no more than that, its answer is committed with it, too.
    - A call goes on when its caller goes away. It can come again for the answer.
    - What stored nothing can come again with the same key, and is handled then.

    Args:
        unit_of_work: Opens transactions.
        clock: Returns the time now.
        cipher: Encrypts answers that bear secrets.
        answer_of_command: Returns the answer of a call by the end of its command.
    """

    def __init__(
        self, unit_of_work: UnitOfWorkFactory, clock: Clock, cipher: Cipher, answer_of_command: AnswerOfCommand
    ) -> None:
        self._unit_of_work = unit_of_work
        self._clock = clock
        self._cipher = cipher
        self._answer_of_command = answer_of_command
        self._under_way: set[asyncio.Task[Message]] = set()

    async def call(
        self, method: str, caller: Caller, key: str, request: Message, context: Context, run: Run
    ) -> Message:
        """Return the answer of a call, which is handled by `run` unless it was handled before.

        Raises:
            CoreError: As the call did that was handled; or when the key can't be used for it.
        """
        one = _Call(self, caller, checked_key(key), method, request)
        if bears_secret(response_class(method)) and not await self._cipher.current_mark():
            raise FailedPrecondition(
                "the answer bears a secret, and the core has no key to encrypt it: call without an idempotency key, or "
                "set CITRINE_ENCRYPTION_KEY_FILE or CITRINE_ENCRYPTION_KEY_URL"
            )
        earlier = await one.find()
        if earlier is None:
            task = asyncio.create_task(one.handle(run), name=f"{method} with an idempotency key")
            self._under_way.add(task)
            task.add_done_callback(self._ended)
            try:
                return await asyncio.shield(task)
            except _KeyInUse:
                earlier = await one.find()
            except asyncio.CancelledError:
                if task.cancelled():
                    # It is not the caller who goes away.
                    raise Stopping from None
                raise
            except Exception:
                # What another call with its key has stored in between may be why: that it exists, that it changed.
                earlier = None if one.is_stored else await one.find()
                if earlier is None:
                    raise
        if earlier is None:
            raise _KeyInUse
        return await self._replay(one, earlier, context)

    def _ended(self, task: "asyncio.Task[Message]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Whoever waits for it raises it. Nobody may.
            task.exception()

    async def _replay(self, one: "_Call", row: Row[Any], context: Context) -> Message:
        """Return the answer of an earlier call, once it has one, to whom it was answered then."""
        if row.caller_id != one.caller_id:
            raise PermissionDenied("the idempotency key was used by another caller; each caller needs keys of its own")
        if (row.method, row.digest) != (one.method, one.digest):
            raise InvalidArgument(IDEMPOTENCY_KEY, "was used for another request; each request needs a key of its own")
        loop = asyncio.get_running_loop()
        left = context.time_remaining()
        deadline = loop.time() + (LONGEST_WAIT if left is None else min(LONGEST_WAIT, left - MARGIN))
        while True:
            of_command = () if row.command_id is None else (("citrine-command-id", row.command_id),)
            context.set_trailing_metadata(of_command)
            answer = await self._answer(one, row)
            if answer is not None:
                context.set_trailing_metadata((*of_command, (REPLAYED, "true")))
                if isinstance(answer, Exception):
                    raise answer
                return answer
            if loop.time() >= deadline:
                raise CallUnderWay(
                    "the call with this idempotency key is under way, or its core ended before it was answered; "
                    "what it did until then stands"
                )
            await asyncio.sleep(PAUSE)
            row = await one.find() or row

    async def _answer(self, one: "_Call", row: Row[Any]) -> Message | Exception | None:
        """Return the answer of a call that ended, or how it failed; None if it has not."""
        if row.failure is not None:
            return StoredFailure(Status.FromString(row.failure))
        made = response_class(one.method)
        if row.answer is not None:
            return made.FromString(row.answer)
        if row.secret_answer is not None:
            text = await self._cipher.decrypt(row.secret_answer, SECRETS.context(one.tenant_id, one.key))
            return made.FromString(unsealed(text))
        if row.command_count == 1:
            before = self._clock() - GRACE
            return await self._answer_of_command(one.tenant_id, row.command_id, one.action, made, before)
        return None

    async def store(self, one: "_Call", work: UnitOfWork) -> None:
        """Store what is known of a call within a unit of work that is about to be committed."""
        keys, values = IdempotencyKeys(work.session), one.changed()
        if one.is_stored:
            if values:
                await keys.change(one.tenant_id, one.key, values)
        else:
            row = {
                "tenant_id": one.tenant_id,
                "idempotency_key": one.key,
                "method": one.method,
                "caller_id": one.caller_id,
                "digest": one.digest,
                "create_time": self._clock(),
                **_NOTHING,
            }
            if not await keys.add({**row, **values}):
                one.is_in_use = True
                raise _KeyInUse
        work.after_commit(partial(one.stored, values))

    async def seal(self, one: "_Call", answer: Message) -> str:
        """Return an answer that bears a secret in the form to store."""
        return await self._cipher.encrypt(sealed(answer), SECRETS.context(one.tenant_id, one.key))

    def open(self) -> Any:
        """Open a unit of work."""
        return self._unit_of_work()

    def open_to_read(self) -> Any:
        """Open a unit of work that only reads."""
        return self._unit_of_work(read_only=True)


_NOTHING: dict[str, Any] = {
    "answer": None, "secret_answer": None, "failure": None, "command_id": None, "command_count": 0,
}  # fmt: skip


class _Call:
    """One call with an idempotency key, while it is handled."""

    def __init__(self, calls: KeyedCalls, caller: Caller, key: str, method: str, request: Message) -> None:
        self._calls = calls
        self.tenant_id = caller.tenant_id
        self.caller_id = caller.key_id
        self.key = key
        self.method = method
        self.digest = _digest(method, request)
        self.action = _action(method, request)
        """Of the command that it sends, if it is a command rpc."""
        self.is_stored = False
        self.is_in_use = False
        self._changed: dict[str, Any] = {}
        self._commands: list[str] = []

    async def find(self) -> Row[Any] | None:
        """Return the call that is stored with this key, or None."""
        async with self._calls.open_to_read() as work:
            found: Row[Any] | None = await IdempotencyKeys(work.session).find(self.tenant_id, self.key)
        return found

    def sends(self, command_id: str) -> None:
        """Note that the next commit stores a command, by whose end the call can be answered again."""
        self._commands.append(command_id)
        self._changed.update(command_id=self._commands[0], command_count=len(self._commands))

    def changed(self) -> dict[str, Any]:
        """Return the values that are not stored yet."""
        return dict(self._changed)

    def stored(self, values: Mapping[str, Any]) -> None:
        """Note that values are stored. What has changed while they were is not."""
        self.is_stored = True
        self._changed = {
            name: value for name, value in self._changed.items() if name not in values or values[name] != value
        }

    async def handle(self, run: Run) -> Message:
        """Handle the call, and store its answer.

        Raises:
            _KeyInUse: When another call with the key was first; this one has stored nothing.
        """
        set_keyed_call(self)
        deferral = Deferral(self._store)
        try:
            with deferral.active():
                try:
                    answer = await run()
                except Exception as error:
                    await self._failed(deferral, error)
                    raise
                if self.is_in_use:
                    raise _KeyInUse
                await self._answered(deferral, answer)
        finally:
            await deferral.abandon()
        if self._changed or not self.is_stored:
            await self._store_late()
        return answer

    async def _store(self, work: UnitOfWork) -> None:
        await self._calls.store(self, work)

    async def _answered(self, deferral: Deferral, answer: Message) -> None:
        """Commit what waits, with the answer. Nothing is encrypted within a transaction."""
        if bears_secret(type(answer)):
            await deferral.release()
            try:
                self._changed["secret_answer"] = await self._calls.seal(self, answer)
            except CoreError as error:
                # The caller must get the secret: nobody can get it later.
                logger.warning("an answer could not be encrypted", extra={"problem": str(error)})
        else:
            self._changed["answer"] = answer.SerializeToString()
            await deferral.release()

    async def _failed(self, deferral: Deferral, error: Exception) -> None:
        """Store that the call failed, if it has stored anything."""
        if self.is_in_use:
            raise _KeyInUse from error
        if await deferral.has_effect():
            self._changed["failure"] = failure_of(error, self.method).to_status().SerializeToString()
            await deferral.release()
            if self._changed:
                await self._store_late()

    async def _store_late(self) -> None:
        """Store the answer of a call whose effect is committed, or has none that is stored."""
        try:
            async with self._calls.open() as work:
                await self._store(work)
                await work.write()
                await work.finish()
        except _KeyInUse:
            raise
        except CoreError as error:
            logger.warning("the answer to an idempotency key is not stored", extra={"problem": str(error)})


def _action(method: str, request: Any) -> str:
    """Return the action that an rpc is called like, or that CallStation names."""
    return str(request.action) if "action" in request.DESCRIPTOR.fields_by_name else method.rpartition("/")[2]


def _digest(method: str, request: Message) -> str:
    content = request.SerializeToString(deterministic=True)
    return hashlib.sha256(method.encode() + b"\0" + content).hexdigest()
