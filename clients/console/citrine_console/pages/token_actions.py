"""What is done with tokens of drivers: created, changed, blocked, given credit, deleted."""

from collections.abc import Sequence

from google.protobuf.duration_pb2 import Duration
from google.protobuf.field_mask_pb2 import FieldMask

from citrine.api.v1.tokens_pb2 import (
    CHARGING_PREFERENCE_UNSPECIFIED,
    TOKEN_STATUS_ACCEPTED,
    TOKEN_STATUS_BLOCKED,
    TOKEN_WHITELIST_UNSPECIFIED,
    AddCreditRequest,
    ChargingPreference,
    CreateTokenRequest,
    DeleteTokenRequest,
    GetTokenRequest,
    Token,
    TokenRules,
    TokenWhitelist,
    UpdateTokenRequest,
)
from citrine_console.formats import field_time
from citrine_console.forms import Done, Field, FormDialog, Values, Wrong
from citrine_console.json_forms import json_of, message_of
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.durations import duration_text
from citrine_words.enums import words_of
from citrine_words.errors import WrongText
from citrine_words.values import parse_duration

__all__ = ["DIALOGS"]

_TYPES = (
    "ISO14443", "ISO15693", "KeyCode", "Local", "eMAID", "Central", "MacAddress", "EVCCID", "VIN", "DirectPayment",
)  # fmt: skip

_WHITELISTS = words_of(TokenWhitelist.items(), "TOKEN_WHITELIST_")
_PREFERENCES = words_of(ChargingPreference.items(), "CHARGING_PREFERENCE_")

_TEXTS = (
    "description", "group_id", "contract_id", "issuer", "visual_number", "country_code", "party_id", "language",
    "second_language", "message",
)  # fmt: skip

_EDITED = (
    *_TEXTS, "status", "valid", "expire_time", "whitelist", "charging_preference", "master_pass", "charging_priority",
    "cache_time", "limit", "rules",
)  # fmt: skip
"""Fields of a token that the form has."""


def _word(words: dict[str, int], number: int) -> str:
    return next((word for word, known in words.items() if known == number), "")


def _fields(visit: Visit, one: Token) -> Sequence[Field]:
    limit = one.limit
    return [
        Field("description", _("Description"), value=one.description, attributes={"maxlength": "255"}),
        Field("blocked", _("Blocked"), "checkbox", "yes" if one.status == TOKEN_STATUS_BLOCKED else ""),
        Field("valid", _("To be used"), "checkbox", "yes" if one.valid or not one.HasField("valid") else ""),
        Field(
            "expire_time",
            _("Expires"),
            "datetime",
            field_time(one.expire_time, visit.zone),
            hint=visit.zone.key,
        ),
        Field("group_id", _("Group"), value=one.group_id, hint=_("tokens of one group may stop each other")),
        Field(
            "master_pass",
            _("Master pass"),
            "checkbox",
            "yes" if one.master_pass else "",
            hint=_("may stop any transaction, and start none"),
        ),
        Field("contract_id", _("Contract"), value=one.contract_id, attributes={"maxlength": "36"}),
        Field("issuer", _("Issuer"), value=one.issuer, attributes={"maxlength": "64"}),
        Field("visual_number", _("Printed number"), value=one.visual_number, attributes={"maxlength": "64"}),
        Field("country_code", _("Country of its party"), value=one.country_code, hint=_("empty: your own")),
        Field("party_id", _("Its party"), value=one.party_id, attributes={"maxlength": "3"}),
        Field(
            "whitelist",
            _("Who decides"),
            "select",
            _word(dict(_WHITELISTS), one.whitelist),
            choices=[
                ("allowed", _("your authorizer or the token, as the settings say")),
                ("always", _("the token alone")),
                ("allowed-offline", _("your authorizer each time; the token while it is silent")),
                ("never", _("your authorizer each time")),
            ],
        ),
        Field(
            "charging_preference",
            _("Wants to charge"),
            "select",
            _word(dict(_PREFERENCES), one.charging_preference),
            choices=[("", _("not known")), *((word, word) for word in _PREFERENCES)],
        ),
        Field(
            "charging_priority",
            _("Priority"),
            "number",
            str(one.charging_priority),
            hint=_("from -9 to 9"),
            attributes={"min": "-9", "max": "9"},
        ),
        Field("language", _("Language"), value=one.language, attributes={"maxlength": "8"}),
        Field("second_language", _("Second language"), value=one.second_language, attributes={"maxlength": "8"}),
        Field(
            "cache_time",
            _("Remembered by stations"),
            value=duration_text(one.cache_time.ToTimedelta().total_seconds()) if one.HasField("cache_time") else "",
            hint=_("as 90m or 1d; 0: not at all; empty: as long as they like"),
        ),
        Field("message", _("Message for the driver"), value=one.message, attributes={"maxlength": "512"}),
        Field("max_cost", _("Most that a transaction costs"), "decimal", limit.max_cost, hint=_("with tax")),
        Field(
            "max_energy",
            _("Most energy of a transaction in kWh"),
            "decimal",
            f"{limit.max_energy_wh / 1000:.15g}" if limit.HasField("max_energy_wh") else "",
        ),
        Field(
            "max_time",
            _("Longest transaction"),
            value=duration_text(limit.max_time.ToTimedelta().total_seconds()) if limit.HasField("max_time") else "",
            hint=_("as 4h"),
        ),
        Field(
            "rules",
            _("Where, when and how often"),
            "textarea",
            json_of(one.rules) if one.HasField("rules") else "",
            hint=_("JSON: places, connector_types, times, max_transactions, no_credit; empty: always"),
            attributes={"rows": "5"},
        ),
    ]


def _duration(values: Values, name: str) -> Duration | None:
    try:
        return parse_duration(name, values[name]) if values[name] else None
    except WrongText as error:
        raise Wrong(name, str(error)) from None


def _filled(token: Token, values: Values) -> Token:
    for name in _TEXTS:
        setattr(token, name, values[name])
    token.country_code, token.party_id = token.country_code.upper(), token.party_id.upper()
    token.status = TOKEN_STATUS_BLOCKED if values.checked("blocked") else TOKEN_STATUS_ACCEPTED
    token.valid, token.master_pass = values.checked("valid"), values.checked("master_pass")
    token.whitelist = _WHITELISTS.get(values["whitelist"], TOKEN_WHITELIST_UNSPECIFIED)
    token.charging_preference = _PREFERENCES.get(values["charging_preference"], CHARGING_PREFERENCE_UNSPECIFIED)
    token.charging_priority = values.number("charging_priority", 0)
    if (expires := values.time("expire_time")) is not None:
        token.expire_time.CopyFrom(expires)
    if (remembered := _duration(values, "cache_time")) is not None:
        token.cache_time.CopyFrom(remembered)
    if values["max_cost"]:
        token.limit.max_cost = values["max_cost"].replace(",", ".")
    if (energy := values.decimal("max_energy")) is not None:
        token.limit.max_energy_wh = energy * 1000
    if (longest := _duration(values, "max_time")) is not None:
        token.limit.max_time.CopyFrom(longest)
    if values["rules"]:
        token.rules.CopyFrom(message_of(values["rules"], TokenRules(), "rules"))
    return token


async def _token(visit: Visit) -> Token:
    return await visit.citrine.tokens.GetToken(GetTokenRequest(id_token=visit["id_token"], type=visit["type"]))


async def _new_fields(visit: Visit) -> Sequence[Field]:
    return [
        Field("id_token", _("Token"), required=True, attributes={"maxlength": "255", "autocomplete": "off"}),
        Field("type", _("Its type"), "select", choices=[(one, one) for one in _TYPES]),
        *_fields(visit, Token()),
    ]


async def _create(visit: Visit, values: Values) -> Done:
    token = _filled(Token(id_token=values["id_token"], type=values["type"]), values)
    made = await visit.citrine.tokens.CreateToken(CreateTokenRequest(token=token))
    return Done(_("{token} is registered.").format(token=made.id_token))


async def _edit_fields(visit: Visit) -> Sequence[Field]:
    token = await _token(visit)
    return [Field("etag", "", "hidden", token.etag), *_fields(visit, token)]


async def _edit(visit: Visit, values: Values) -> Done:
    token = _filled(Token(id_token=visit["id_token"], type=visit["type"], etag=values["etag"]), values)
    request = UpdateTokenRequest(token=token, update_mask=FieldMask(paths=_EDITED))
    await visit.citrine.tokens.UpdateToken(request)
    return Done(_("The token is changed."))


async def _set_status(visit: Visit, token: Token) -> None:
    request = UpdateTokenRequest(token=token, update_mask=FieldMask(paths=["status"]))
    await visit.citrine.tokens.UpdateToken(request)


async def _block(visit: Visit, values: Values) -> Done:
    await _set_status(visit, Token(id_token=visit["id_token"], type=visit["type"], status=TOKEN_STATUS_BLOCKED))
    return Done(_("The token is blocked."))


async def _unblock(visit: Visit, values: Values) -> Done:
    await _set_status(visit, Token(id_token=visit["id_token"], type=visit["type"], status=TOKEN_STATUS_ACCEPTED))
    return Done(_("The token may charge again."))


async def _credit_fields(visit: Visit) -> Sequence[Field]:
    hint = _("with tax, as 20.00; negative where it is paid back")
    return [Field("amount", _("Amount"), "decimal", required=True, hint=hint)]


async def _credit(visit: Visit, values: Values) -> Done:
    amount = values["amount"].replace(",", ".")
    request = AddCreditRequest(id_token=visit["id_token"], type=visit["type"], amount=amount)
    token = await visit.citrine.tokens.AddCredit(request)
    return Done(_("{amount} is left.").format(amount=token.prepaid.left))


async def _delete(visit: Visit, values: Values) -> Done:
    await visit.citrine.tokens.DeleteToken(DeleteTokenRequest(id_token=visit["id_token"], type=visit["type"]))
    return Done(goto="/tokens")


_ONE = "/tokens/{type}/{id_token:path}"

DIALOGS = [
    FormDialog(
        path="/tokens/new",
        title=lambda visit: _("New token"),
        fields=_new_fields,
        act=_create,
        needs=("CreateToken",),
        submit=lambda visit: _("Register"),
    ),
    FormDialog(
        path=f"{_ONE}/edit",
        title=lambda visit: _("Edit {token}").format(token=visit["id_token"]),
        fields=_edit_fields,
        act=_edit,
        needs=("GetToken", "UpdateToken"),
        submit=lambda visit: _("Save"),
    ),
    FormDialog(
        path=f"{_ONE}/block",
        title=lambda visit: _("Block {token}").format(token=visit["id_token"]),
        words=lambda visit: _(
            "It may not charge any more. What charges now goes on or is stopped, as the settings of authorization say."
        ),
        act=_block,
        needs=("UpdateToken",),
        submit=lambda visit: _("Block"),
        hurts=True,
    ),
    FormDialog(
        path=f"{_ONE}/unblock",
        title=lambda visit: _("Unblock {token}").format(token=visit["id_token"]),
        words=lambda visit: _("It may charge again."),
        act=_unblock,
        needs=("UpdateToken",),
        submit=lambda visit: _("Unblock"),
    ),
    FormDialog(
        path=f"{_ONE}/credit",
        title=lambda visit: _("Add credit to {token}").format(token=visit["id_token"]),
        words=lambda visit: _(
            "The token is prepaid from now on: its transactions are taken from what was paid. With nothing left it "
            "may not charge."
        ),
        fields=_credit_fields,
        act=_credit,
        needs=("AddCredit",),
        submit=lambda visit: _("Add"),
    ),
    FormDialog(
        path=f"{_ONE}/delete",
        title=lambda visit: _("Delete {token}").format(token=visit["id_token"]),
        words=lambda visit: _("The token is unknown from now on, and what was paid in advance for it is forgotten."),
        act=_delete,
        needs=("DeleteToken",),
        submit=lambda visit: _("Delete"),
        hurts=True,
    ),
]
