"""What a list of tokens is asked by, as conditions that an index answers."""

import string
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, and_, or_, text

from citrine.api.v1 import tokens_pb2 as pb
from citrine_core.db import begins_with
from citrine_core.resources.tokens.checks import check_owner
from citrine_core.resources.tokens.formats import SEPARATED, contract_lookup_of, lookup_of
from citrine_core.resources.tokens.models import Token
from citrine_core.rpc import time_or_none

__all__ = ["TokenFilter"]


@dataclass(frozen=True, slots=True)
class TokenFilter:
    """Which tokens a list shows; what is empty or None restricts nothing."""

    group_id: str = ""
    status: int = 0
    """citrine.api.v1.TokenStatus"""
    valid: bool | None = None
    contract_id: str = ""
    country_code: str = ""
    party_id: str = ""
    id_prefix: str = ""
    by_time: bool = False
    """Whether the list is ordered by the time of the last change."""
    changed_from: datetime | None = None
    changed_until: datetime | None = None

    @classmethod
    def of(cls, request: pb.ListTokensRequest | pb.ExportTokensRequest) -> "TokenFilter":
        """Return the filter of a request.

        Raises:
            InvalidArgument: When it names a country without a party, or a party without its country.
        """
        check_owner(request.country_code, request.party_id, "")
        changed = request.update_time
        return cls(
            request.group_id,
            request.status,
            request.valid if request.HasField("valid") else None,
            request.contract_id,
            request.country_code.upper(),
            request.party_id.upper(),
            request.id_token_prefix,
            request.HasField("update_time"),
            time_or_none(changed.start, is_set=changed.HasField("start")),
            time_or_none(changed.end, is_set=changed.HasField("end")),
        )

    def conditions(self) -> list[ColumnElement[bool]]:
        """Return the conditions, without that on the time of the last change.

        What the partial indexes say is said in their words: a database does not conclude it from a parameter.
        """
        found: list[Any] = []
        if self.group_id:
            found += [Token.group_id == self.group_id, text("group_id <> ''")]
        if self.status:
            found.append(Token.status == self.status)
        if self.valid is not None:
            found.append(text("valid") if self.valid else text("NOT valid"))
        if self.contract_id:
            lookup = contract_lookup_of(self.contract_id)
            found += [Token.contract_lookup == lookup, text("contract_lookup <> ''")]
        if self.party_id:
            found += [Token.country_code == self.country_code, Token.party_id == self.party_id]
            found.append(text("party_id <> ''"))
        if self.id_prefix:
            found.append(_begins(self.id_prefix))
        return found


def _begins(prefix: str) -> ColumnElement[bool]:
    as_it_is, of_bytes = lookup_of(prefix, ""), lookup_of(prefix, "ISO14443")
    # One range of the index is read in its order; two are sorted. Ids that are bytes are hexadecimal.
    if as_it_is == of_bytes or not set(of_bytes) <= set(string.hexdigits):
        return begins_with(Token.lookup, as_it_is)
    is_bytes = Token.type.in_(sorted(SEPARATED))
    return or_(begins_with(Token.lookup, as_it_is), and_(begins_with(Token.lookup, of_bytes), is_bytes))
