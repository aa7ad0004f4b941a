"""Decisions on the tokens that drivers present, by Authorize or TransactionEvent, for a batch at a time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from citrine.api.v1.authorization_pb2 import Authorizer
from citrine.api.v1.tokens_pb2 import TokenRules, TokenWhitelist
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdTokenInfo
from citrine_core.blocks.authorization.directory import SettingsDirectory
from citrine_core.blocks.authorization.repository import AuthorizationRepository
from citrine_core.blocks.authorization.rules import (
    ASKED_EACH_TIME,
    Facts,
    OpenTransaction,
    Presented,
    Purpose,
    decide_known,
    decide_unknown,
)
from citrine_core.db import UnitOfWork
from citrine_core.resources.locations.queries import find_time_zones
from citrine_core.resources.tokens import (
    NO_AUTHORIZATION,
    Token,
    TokenKey,
    TokenRepository,
    find_suspended,
    lookup_of,
    type_of,
)
from citrine_core.services import Services

__all__ = ["Asked", "Authorizations", "Decision", "Finding", "read_facts"]

_ACCEPTED = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED
_INVALID = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID

_ALWAYS, _NEVER = TokenWhitelist.TOKEN_WHITELIST_ALWAYS, TokenWhitelist.TOKEN_WHITELIST_NEVER

_OURS = frozenset({"Central", "DirectPayment"})
"""Types of tokens that a CSMS creates to start a transaction (C05, C24 of OCPP 2.1)."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The answer of the operator's AuthorizerService on one token."""

    ask: int
    """citrine.api.v1.Authorizer.Ask"""
    offline_policy: int
    """citrine.api.v1.Authorizer.OfflinePolicy"""
    answered: bool
    """False: it did not answer in time, or its answer was invalid."""
    info: IdTokenInfo | None = None
    """None: it did not answer, or has no opinion."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The result of inquiries about a message, from before the database transaction."""

    asked: Asked | None = None
    """None: the authorizer was not asked about the token."""
    certificate_status: int | None = None
    """citrine.ocpp.v2.AuthorizeCertificateStatusEnum of the contract. None: the message has no contract."""


@dataclass(slots=True)
class Decision:
    """The decision on one presented token, with the answer to its station."""

    tenant_id: str
    presented: Presented
    token: Token | None
    """None: the tenant has no such token."""
    info: IdTokenInfo = field(default_factory=IdTokenInfo)

    @property
    def accepted(self) -> bool:
        """Whether the token may charge."""
        return self.info.status == _ACCEPTED


class Authorizations:
    """Decides on presented tokens."""

    def __init__(self, services: Services) -> None:
        self._clock = services.clock
        self._registry = services.registry
        self._counters = services.counters
        self._directory = SettingsDirectory.of(services)

    async def decide(self, work: UnitOfWork, tenant_id: str, presented: Sequence[Presented]) -> list[Decision]:
        """Return a decision for each token that was presented at stations of a tenant, in the same order.

        It runs one query for the tokens, and one for each kind of fact that the rules of these tokens need. If rules
        limit concurrent transactions, the tokens are locked until the commit.
        """
        if not self._directory.loaded:
            await self._directory.load(work.session)
        keys = {(one.id_token.id_token, one.id_token.type) for one in presented}
        wanted = {key for key in keys if type_of(key[1]) != NO_AUTHORIZATION}
        tokens = await TokenRepository(work.session).find_all(tenant_id, wanted)
        decisions = [Decision(tenant_id, one, self._token_of(tenant_id, one, tokens)) for one in presented]
        facts = Facts(self._clock(), self._directory.master_pass_group_id(tenant_id))
        await _find_facts(work, facts, tenant_id, decisions)
        prepaid = [one.token for one in decisions if one.token is not None and one.token.prepaid is not None]
        for credit_left in self._registry.credit_left if prepaid else ():
            facts.credit_left |= await credit_left(work, tenant_id, prepaid)
        ours = await _started_by_us(work, facts.now, tenant_id, decisions)
        for decision in decisions:
            decision.info = _decide(decision, facts, ours)
            if decision.token is not None and decision.accepted and decision.presented.purpose is Purpose.START:
                # The next decisions of this batch must count its transaction.
                facts.open.append(_opened(decision.presented, decision.token))
        accepted = [decision for decision in decisions if decision.accepted]
        for inform in self._registry.informers if accepted else ():
            await inform(work, accepted)
        # Counted by the status at the commit: the certificate check of AuthorizationHandlers may still change it.
        work.after_commit(lambda: self._counters.authorizations(decision.info for decision in decisions))
        return decisions

    def _token_of(self, tenant_id: str, one: Presented, tokens: Mapping[TokenKey, Token]) -> Token | None:
        id_token = one.id_token.id_token
        token = tokens.get((id_token, one.id_token.type))
        if token is not None and not self._directory.same_token(tenant_id, token.id_token, id_token):
            return None
        return token


async def read_facts(
    work: UnitOfWork, services: Services, tenant_id: str, station_id: str, tokens: Sequence[Token]
) -> Facts:
    """Return the facts about a station that rules of tokens need, without open transactions."""
    directory = SettingsDirectory.of(services)
    if not directory.loaded:
        await directory.load(work.session)
    facts = Facts(services.clock(), directory.master_pass_group_id(tenant_id))
    rules = [TokenRules.FromString(token.rules) for token in tokens if token.rules is not None]
    if any(one.connector_types for one in rules):
        facts.connector_types = await AuthorizationRepository(work.session).connector_types(tenant_id, [station_id])
    if any(map(_is_local, rules)):
        facts.time_zones = await find_time_zones(work.session, tenant_id, [station_id])
    facts.suspended = await find_suspended(work.session, tenant_id, tokens)
    return facts


def _is_local(rules: TokenRules) -> bool:
    """Return whether the times of rules are in the time zone of the station."""
    return bool(rules.times) and not rules.time_zone


async def _find_facts(work: UnitOfWork, facts: Facts, tenant_id: str, decisions: Sequence[Decision]) -> None:
    repository = AuthorizationRepository(work.session)
    limited: set[tuple[str, str]] = set()
    asking: set[str] = set()
    choosy: set[str] = set()
    local: set[str] = set()
    for decision in decisions:
        token, presented = decision.token, decision.presented
        if token is None or token.rules is None or presented.purpose is Purpose.STOP:
            continue
        rules = TokenRules.FromString(token.rules)
        if rules.max_transactions:
            limited.add((token.lookup, token.type))
        if presented.purpose is Purpose.ASK:
            asking.add(presented.station_id)
        if rules.connector_types:
            choosy.add(presented.station_id)
        if _is_local(rules):
            local.add(presented.station_id)
    if limited:
        await repository.lock_tokens(tenant_id, limited)
    if limited or asking:
        facts.open = await repository.open_transactions(tenant_id, {lookup for lookup, _ in limited}, asking)
    if choosy:
        facts.connector_types = await repository.connector_types(tenant_id, choosy)
    if local:
        facts.time_zones = await find_time_zones(work.session, tenant_id, local)
    tokens = [decision.token for decision in decisions if decision.token is not None]
    facts.suspended = await find_suspended(work.session, tenant_id, tokens)


async def _started_by_us(
    work: UnitOfWork, now: datetime, tenant_id: str, decisions: Sequence[Decision]
) -> set[tuple[str, str, str]]:
    stations = {
        decision.presented.station_id
        for decision in decisions
        if decision.token is None and type_of(decision.presented.id_token.type) in _OURS
    }
    if not stations:
        return set()
    return await AuthorizationRepository(work.session).remote_starts(tenant_id, stations, now)


def _decide(decision: Decision, facts: Facts, ours: set[tuple[str, str, str]]) -> IdTokenInfo:
    presented, finding = decision.presented, decision.presented.finding
    asked: Asked | None = finding.asked if isinstance(finding, Finding) else None
    if decision.token is not None:
        return _decide_known(decision.token, presented, asked, facts)
    id_token = presented.id_token
    if (presented.station_id, lookup_of(id_token.id_token, id_token.type), type_of(id_token.type)) in ours:
        # F01, F02: a RequestStartTransaction of the CSMS named this token.
        return IdTokenInfo(status=_ACCEPTED)
    unknown = decide_unknown(presented.id_token)
    return unknown if asked is None else _asked(asked, unknown, facts)


def _decide_known(token: Token, presented: Presented, asked: Asked | None, facts: Facts) -> IdTokenInfo:
    """Return the answer on a token of the tenant, by whoever decides on it according to its whitelist mode."""
    known = decide_known(token, presented, facts)
    # A token that its stored rules refuse is refused, whatever the authorizer answered.
    if known.status != _ACCEPTED:
        return known
    if token.whitelist not in ASKED_EACH_TIME:
        is_asked = asked is not None and asked.ask == Authorizer.ASK_ALL_TOKENS
        return _asked(asked, known, facts) if asked and is_asked and token.whitelist != _ALWAYS else known
    if asked is not None and asked.info is not None:
        return _uncached(asked.info, facts)
    goes_on = presented.purpose is Purpose.STOP or presented.transaction_goes_on
    if token.whitelist == _NEVER and not goes_on:
        # Nobody decided on it: to have no opinion is no decision.
        return _uncached(IdTokenInfo(status=_INVALID), facts)
    return known


def _uncached(info: IdTokenInfo, facts: Facts) -> IdTokenInfo:
    """Return an answer that stations must not cache."""
    found = IdTokenInfo()
    found.CopyFrom(info)
    found.cache_expiry_date_time.FromDatetime(facts.now)
    return found


def _asked(asked: Asked, local: IdTokenInfo, facts: Facts) -> IdTokenInfo:
    if asked.answered:
        return local if asked.info is None else asked.info
    if asked.offline_policy == Authorizer.OFFLINE_POLICY_LOCAL_TOKENS:
        info = local
    elif asked.offline_policy == Authorizer.OFFLINE_POLICY_ACCEPT:
        info = local if local.status == _ACCEPTED else IdTokenInfo(status=_ACCEPTED)
    else:
        info = IdTokenInfo(status=_INVALID)
    # C10.FR.13: stations must not cache a decision that was made without an answer of the authorizer.
    info.cache_expiry_date_time.FromDatetime(facts.now)
    return info


def _opened(presented: Presented, token: Token) -> OpenTransaction:
    return OpenTransaction(
        presented.station_id,
        presented.transaction_id,
        token.lookup,
        token.type,
        token.group_id,
        presented.evse_id,
    )
