"""Tokens of partners as the core has them, and as they are answered."""

import re
from collections.abc import Mapping
from typing import Any

from citrine.api.v1 import tokens_pb2 as pb
from citrine.ocpp.v2.types_pb2 import AuthorizationStatusEnum, IdToken, IdTokenInfo
from citrine_ocpi.models import v2_2_1, v2_3_0
from citrine_ocpi.transport.status import Version

__all__ = ["PARTNERS_FIELDS", "AnyToken", "core_type", "info_of", "is_same_uid", "to_core", "token_models"]

AnyToken = v2_2_1.Token | v2_3_0.Token

PARTNERS_FIELDS = (
    "group_id",
    "language",
    "contract_id",
    "issuer",
    "visual_number",
    "whitelist",
    "charging_preference",
    "country_code",
    "party_id",
    "valid",
)
"""Fields of the core's token that a partner says. All others are the operator's: what it blocked stays so."""

_HEX = re.compile(r"[0-9A-Fa-f]+")
_SEPARATORS = re.compile(r"[\s:.\-]")
_RFID_BY_BYTES: Mapping[int, str] = {4: "ISO14443", 7: "ISO14443", 10: "ISO14443", 8: "ISO15693"}

_TYPES: Mapping[str, str] = {"APP_USER": "Central", "AD_HOC_USER": "DirectPayment", "EMAID": "eMAID"}

_WHITELISTS: Mapping[str, pb.TokenWhitelist.ValueType] = {
    "ALWAYS": pb.TOKEN_WHITELIST_ALWAYS,
    "ALLOWED": pb.TOKEN_WHITELIST_ALLOWED,
    "ALLOWED_OFFLINE": pb.TOKEN_WHITELIST_ALLOWED_OFFLINE,
    "NEVER": pb.TOKEN_WHITELIST_NEVER,
}

_PREFERENCES: Mapping[str, pb.ChargingPreference.ValueType] = {
    "CHEAP": pb.CHARGING_PREFERENCE_CHEAP,
    "FAST": pb.CHARGING_PREFERENCE_FAST,
    "GREEN": pb.CHARGING_PREFERENCE_GREEN,
    "REGULAR": pb.CHARGING_PREFERENCE_REGULAR,
}

_STATUSES: Mapping[str, AuthorizationStatusEnum.ValueType] = {
    "ALLOWED": AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_ACCEPTED,
    "BLOCKED": AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_BLOCKED,
    "EXPIRED": AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_EXPIRED,
    "NO_CREDIT": AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_NO_CREDIT,
    "NOT_ALLOWED": AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_LOCATION,
}


def token_models(version: Version) -> tuple[type[AnyToken], type[v2_2_1.AuthorizationInfo | v2_3_0.AuthorizationInfo]]:
    """Return the models of a token, and of what a provider says of one."""
    if version is Version.V2_2_1:
        return v2_2_1.Token, v2_2_1.AuthorizationInfo
    return v2_3_0.Token, v2_3_0.AuthorizationInfo


def core_type(uid: str, token_type: str) -> str:
    """Return the type of a token as stations name it.

    An RFID token is of the standard whose UIDs have its number of bytes. One whose id is no UID, and what OCPI calls
    OTHER, is Local: nothing is known of it but that a station may present it.
    """
    if token_type != "RFID":
        return _TYPES.get(token_type, "Local")
    digits = _SEPARATORS.sub("", uid)
    return _RFID_BY_BYTES.get(len(digits) // 2, "Local") if _HEX.fullmatch(digits) and len(digits) % 2 == 0 else "Local"


def is_same_uid(uid: str, other: str) -> bool:
    """Return whether two ids are of the same token: without regard to case, and that of a chip to separators."""
    if uid.lower() == other.lower():
        return True
    is_chip = "Local" not in (core_type(uid, "RFID"), core_type(other, "RFID"))
    return is_chip and _SEPARATORS.sub("", uid).lower() == _SEPARATORS.sub("", other).lower()


def to_core(token: AnyToken) -> pb.Token:
    """Return a partner's token as the core stores it.

    A whitelist mode that nobody knows is NEVER: its owner is asked each time.
    """
    return pb.Token(
        id_token=str(token.uid),
        type=core_type(str(token.uid), str(token.type)),
        status=pb.TOKEN_STATUS_ACCEPTED,
        group_id=str(token.group_id or ""),
        language=token.language or "",
        contract_id=str(token.contract_id),
        issuer=token.issuer,
        visual_number=token.visual_number or "",
        whitelist=_WHITELISTS.get(str(token.whitelist), pb.TOKEN_WHITELIST_NEVER),
        charging_preference=_PREFERENCES.get(str(token.default_profile_type or ""), pb.CHARGING_PREFERENCE_UNSPECIFIED),
        country_code=str(token.country_code).upper(),
        party_id=str(token.party_id).upper(),
        valid=token.valid,
    )


def info_of(answer: v2_2_1.AuthorizationInfo | v2_3_0.AuthorizationInfo, evse_ids: Mapping[str, int]) -> IdTokenInfo:
    """Return what a station is answered where a provider said something of a token.

    Args:
        answer: What the provider said.
        evse_ids: Numbers of the station's EVSEs, by uid in small letters.
    """
    status = _STATUSES.get(str(answer.allowed), AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_INVALID)
    found = IdTokenInfo(status=status)
    named = [] if answer.location is None else [str(uid).lower() for uid in answer.location.evse_uids]
    allowed = sorted(evse_ids[uid] for uid in named if uid in evse_ids)
    if named and not allowed and evse_ids:
        found.status = AuthorizationStatusEnum.AUTHORIZATION_STATUS_ENUM_NOT_AT_THIS_LOCATION
    elif len(allowed) < len(evse_ids):
        found.evse_id.extend(allowed)
    token: Any = answer.token
    if token.group_id:
        found.group_id_token.CopyFrom(IdToken(id_token=str(token.group_id), type="Central"))
    if token.language:
        found.language1 = token.language
    if answer.info is not None:
        found.personal_message.content = answer.info.text[:512]
        found.personal_message.language = answer.info.language
    return found
