"""Imports of tokens: any number, page by page, each page by a few statements in one transaction."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from types import SimpleNamespace
from typing import Any

from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1 import tokens_pb2 as pb
from citrine.events.v1.events_pb2 import TokenChanged
from citrine_core.db import UnitOfWork
from citrine_core.db.changes import change_time
from citrine_core.errors import InvalidArgument
from citrine_core.resources.tokens.checks import check_fields, check_languages, check_name, check_owner
from citrine_core.resources.tokens.conversion import CHANGEABLE, changed_event, columns_of
from citrine_core.resources.tokens.formats import lookup_of, type_of
from citrine_core.resources.tokens.repository import TOKENS, TokenKey, TokenRepository, surrogate_or_none
from citrine_core.rpc import apply_mask
from citrine_core.services import Services

__all__ = ["TokenImport"]

MOST = 1000
"""Most tokens of a page."""

MOST_REMEMBERED = 100_000
"""Tokens of a call that those behind them are compared with: the latest. It takes some 15 MB."""

PAUSE = 100
"""Tokens that are checked before the event loop runs other tasks."""

_DEFAULTS: Mapping[str, Any] = columns_of(pb.Token(), CHANGEABLE)
"""Values of the columns of a token that says nothing."""

_PREVIEW, _WHOLE_PAGES = pb.TOKEN_IMPORT_MODE_PREVIEW, pb.TOKEN_IMPORT_MODE_WHOLE_PAGES


@dataclass(slots=True)
class _Given:
    """A token of a page that can be stored as far as it says by itself."""

    index: int
    token: pb.Token
    columns: dict[str, Any]
    """Values of the columns of all its fields."""


@dataclass(slots=True)
class _Page:
    """A page of tokens on its way to the database."""

    answer: pb.ImportTokensResponse
    given: dict[TokenKey, _Given] = field(default_factory=dict)
    rows: list[dict[str, Any]] = field(default_factory=list)
    """Rows to store: those of new tokens, and of tokens that change."""
    new: set[TokenKey] = field(default_factory=set)
    known: Mapping[TokenKey, Any] = field(default_factory=dict)
    """The stored rows of those that exist."""

    def refuse(self, index: int, error: InvalidArgument) -> None:
        """Name what is wrong with a token."""
        name = error.field.removeprefix("token.")
        self.answer.errors.add(index=index, field=name, description=error.problem)

    def refuse_again(self, index: int, first: int) -> None:
        """Name a token that came before."""
        problem = f"is the same token as that of index {first}"
        self.answer.errors.add(index=index, field="id_token", description=problem, same_as_index=first)


class TokenImport:
    """One call of ImportTokens.

    Args:
        services: Clock, database, and the blocks that are told of changes.
        tenant_id: Tenant of the tokens.
    """

    def __init__(self, services: Services, tenant_id: str) -> None:
        self._unit_of_work = services.unit_of_work
        self._clock = services.clock
        self._registry = services.registry
        self._tenant_id = tenant_id
        self._mode = pb.TOKEN_IMPORT_MODE_VALID_TOKENS
        self._fields: Collection[str] = CHANGEABLE
        self._index: int | None = None
        """How many tokens came until now. None: no page came."""
        self._earlier: dict[bytes, int] = {}
        """Digests of the latest tokens that were taken, in their order, and their indexes."""

    async def run(self, requests: AsyncIterator[pb.ImportTokensRequest]) -> AsyncIterator[pb.ImportTokensResponse]:
        """Store page after page, and yield what became of each."""
        async for request in requests:
            if self._index is None:
                self._begin(request)
            page = await self._check(request)
            await self._store(page)
            yield page.answer

    def _begin(self, request: pb.ImportTokensRequest) -> None:
        self._index = 0
        self._mode = request.mode or self._mode
        if request.update_mask.paths:
            self._fields = _masked(request.update_mask)

    async def _check(self, request: pb.ImportTokensRequest) -> _Page:
        """Return a page with the tokens that can be stored as far as they say by themselves."""
        if not 0 < len(request.tokens) <= MOST:
            raise InvalidArgument("tokens", f"must be 1 to {MOST}")
        first = self._index or 0
        page = _Page(pb.ImportTokensResponse(first_index=first))
        for index, token in enumerate(request.tokens, first):
            if (index - first) % PAUSE == PAUSE - 1:
                await asyncio.sleep(0)
            try:
                check_name(token)
                key = lookup_of(token.id_token, token.type), type_of(token.type)
                before = page.given[key].index if key in page.given else self._earlier.get(_digest(key))
                if before is not None:
                    page.refuse_again(index, before)
                    continue
                check_fields(token, CHANGEABLE)
                page.given[key] = _Given(index, token, columns_of(token, CHANGEABLE))
            except InvalidArgument as error:
                page.refuse(index, error)
        self._index = first + len(request.tokens)
        return page

    async def _store(self, page: _Page) -> None:
        is_preview = self._mode == _PREVIEW
        async with self._unit_of_work(read_only=is_preview) as work:
            tokens = TokenRepository(work.session)
            known = await tokens.find_rows(self._tenant_id, page.given.keys(), for_update=not is_preview)
            page.known = known
            self._work_out(page, known)
            answer = page.answer
            if answer.errors and self._mode == _WHOLE_PAGES:
                answer.created = answer.updated = answer.unchanged = 0
                return
            answer.created = len(page.new)
            answer.updated = len(page.rows) - len(page.new)
            answer.unchanged = len(page.given) - len(page.rows)
            if page.new:
                await TOKENS.check(work.session, self._tenant_id, len(page.new))
            self._remember(page)
            if is_preview:
                return
            if page.rows:
                await self._write(work, tokens, page)
                await work.commit()
            answer.stored = bool(page.given)

    def _remember(self, page: _Page) -> None:
        self._earlier.update((_digest(key), given.index) for key, given in page.given.items())
        for digest in list(islice(self._earlier, max(len(self._earlier) - MOST_REMEMBERED, 0))):
            del self._earlier[digest]

    def _work_out(self, page: _Page, known: Mapping[TokenKey, Any]) -> None:
        """Make the rows to store, and take out the tokens that do not fit what is stored of them."""
        for key, given in list(page.given.items()):
            row = known.get(key)
            try:
                changes = self._changes(key, given, row)
            except InvalidArgument as error:
                page.refuse(given.index, error)
                del page.given[key]
                continue
            if changes is not None:
                page.rows.append(changes)
                if row is None:
                    page.new.add(key)
        page.answer.errors.sort(key=lambda error: error.index)

    def _changes(self, key: TokenKey, given: _Given, row: Any) -> dict[str, Any] | None:
        """Return the row to store of a token; None if it is stored as it should be."""
        if row is None:
            if given.token.etag:
                raise InvalidArgument("etag", "is not the current one: there is no such token any more")
            columns = given.columns
            status_time = valid_time = None
        else:
            if given.token.etag and given.token.etag != str(row.version):
                raise InvalidArgument("etag", "is not the current one: the token was changed in between")
            stored = {name: getattr(row, name) for name in _DEFAULTS}
            wanted = columns_of(given.token, self._fields) if self._fields is not CHANGEABLE else given.columns
            columns = stored | wanted
            if columns == stored:
                return None
            status_time, valid_time = row.status_time, row.valid_time
        check_languages(columns["language"], columns["second_language"])
        check_owner(columns["country_code"], columns["party_id"])
        return {
            "tenant_id": self._tenant_id,
            "lookup": key[0],
            "type": key[1],
            "id_token": given.token.id_token if row is None else row.id_token,
            "surrogate": surrogate_or_none(given.token.id_token, key[1]) if row is None else row.surrogate,
            "status_time": self._clock() if row is not None and columns["status"] != row.status else status_time,
            "valid_time": self._clock() if row is not None and columns["valid"] != row.valid else valid_time,
            **columns,
        }

    async def _write(self, work: UnitOfWork, tokens: TokenRepository, page: _Page) -> None:
        """Write rows and events, and notify blocks, in the same database transaction."""
        time = await change_time(work.session, self._clock)
        for row in page.rows:
            row["create_time"] = row["update_time"] = time
        await tokens.put_all(page.rows)
        for row in page.rows:
            kind, shown = _shown(row, page.known.get((row["lookup"], row["type"])))
            work.emit(changed_event(shown, kind))
        changed: Sequence[TokenKey] = [(row["id_token"], row["type"]) for row in page.rows]
        for notify in self._registry.on_token_change:
            await notify(work, self._tenant_id, changed)


def _digest(key: TokenKey) -> bytes:
    """Return what is as good as unique, and short however long an id is."""
    return hashlib.blake2b("\0".join(key).encode(), digest_size=16).digest()


def _shown(row: Mapping[str, Any], before: Any) -> tuple["TokenChanged.Kind.ValueType", SimpleNamespace]:
    """Return what was done with a token, and the token as it is stored now."""
    if before is None:
        return TokenChanged.KIND_CREATED, SimpleNamespace(version=1, prepaid=None, prepaid_since=None, **row)
    retained = {name: getattr(before, name) for name in ("create_time", "prepaid", "prepaid_since")}
    return TokenChanged.KIND_UPDATED, SimpleNamespace(**{**row, **retained, "version": before.version + 1})


def _masked(mask: FieldMask) -> Collection[str]:
    paths = set(mask.paths) - {"id_token", "type"}
    return frozenset(apply_mask(FieldMask(paths=sorted(paths)), pb.Token(), CHANGEABLE)) if paths else frozenset()
