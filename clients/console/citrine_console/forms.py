"""Forms in a dialog: fields, what they do in words, and what came of it: the answer of the core or of a station."""

import json
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeAlias
from urllib.parse import quote
from zoneinfo import ZoneInfo

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp
from markupsafe import Markup
from starlette.requests import Request
from starlette.responses import Response

from citrine.ocpp.codec import encode
from citrine_console.errors import Problem, problem_of
from citrine_console.formats import enum_word
from citrine_console.keyed import FORM_KEY, called_once, is_open, new_form_key, said_open
from citrine_console.site import Action, Site
from citrine_console.texts import _
from citrine_console.visits import Visit
from citrine_words.json_values import json_value

__all__ = ["Choice", "Done", "Field", "FormDialog", "Values", "Wrong"]

MAX_FORM = 512 * 1024
"""Bytes of one field."""

MAX_FIELDS = 6000
"""Of one form. The longest is a tariff of 100 elements with 42 fields each."""

_OCPP = "citrine.ocpp.v2"

Choice: TypeAlias = tuple[str, str]
"""A value and what it is called."""


class Wrong(Exception):
    """A field has no meaning. It is said beside it."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text


@dataclass(frozen=True)
class Field:
    """One field of a form."""

    name: str
    """Also the last part of the field of the request that it becomes: what the core says of that stands beside it."""
    label: str
    kind: str = "text"
    """text, number, decimal, password, datetime, checkbox, checks (some of the choices), select, textarea,
    hidden, or note (its label is said, and nothing is entered)."""
    value: str = ""
    """Of checks: the values that are checked, each on a line of its own."""
    choices: Sequence[Choice] = ()
    hint: str = ""
    required: bool = False
    error: str = ""
    attributes: Mapping[str, str] = field(default_factory=dict)
    """More for the element: min, max, maxlength, pattern, list."""


class Values(Mapping[str, str]):
    """What was filled in. A field that is not there is empty."""

    def __init__(self, values: Sequence[tuple[str, str]], zone: ZoneInfo) -> None:
        self._values: dict[str, list[str]] = {}
        for name, value in values:
            self._values.setdefault(name, []).append(value)
        self._zone = zone

    def __getitem__(self, name: str) -> str:
        return "\n".join(self._values.get(name, ())).strip()

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def all(self, name: str) -> list[str]:
        """Return the values that are checked, or that were chosen in several fields of one name."""
        return self._values.get(name, [])

    def checked(self, name: str) -> bool:
        """Return whether a box is checked."""
        return bool(self[name])

    def number(self, name: str, default: int | None = None) -> int:
        """Return a whole number.

        Raises:
            Wrong: When it is none.
        """
        if not self[name] and default is not None:
            return default
        try:
            return int(self[name])
        except ValueError:
            raise Wrong(name, _("Enter a whole number.")) from None

    def decimal(self, name: str) -> float | None:
        """Return a number; None where the field is empty.

        Raises:
            Wrong: When it is none.
        """
        try:
            return float(self[name].replace(",", ".")) if self[name] else None
        except ValueError:
            raise Wrong(name, _("Enter a number.")) from None

    def time(self, name: str) -> Timestamp | None:
        """Return a time that was entered in the zone of the browser; None where the field is empty.

        Raises:
            Wrong: When it is none.
        """
        if not self[name]:
            return None
        try:
            moment = datetime.fromisoformat(self[name])
        except ValueError:
            raise Wrong(name, _("Enter a day and a time.")) from None
        stamp = Timestamp()
        stamp.FromDatetime((moment if moment.tzinfo else moment.replace(tzinfo=self._zone)).astimezone(UTC))
        return stamp


@dataclass(frozen=True)
class Done:
    """What came of a form."""

    text: str = ""
    """Said for some seconds, where there is no answer to show."""
    answer: Message | None = None
    """What a station or the core answered. It is shown in the dialog, as it is."""
    state: str = ""
    """The word of it that counts: Accepted, Rejected, ..."""
    goto: str = ""
    """Path of the page to go to. Empty: the page stays, and shows what changed."""
    secret: str = ""
    """What is shown this once: a key, a password."""
    shown: Markup = field(default_factory=Markup)
    """The answer as people see it, above the answer as it is."""

    @classmethod
    def answered(cls, response: Message, state: str | None = None) -> "Done":
        """Return what a station answered. Its word is its status, unless another one is given."""
        if state is None:
            state = enum_word(response, "status") if "status" in response.DESCRIPTOR.fields_by_name else ""
        return cls(_("The station answered"), response, state)


@dataclass(frozen=True)
class FormDialog:
    """A form that is shown in a dialog and does one thing."""

    path: str
    title: Callable[[Visit], str]
    act: Callable[[Visit, Values], Awaitable[Done]]
    needs: Sequence[str]
    """Rpcs that it calls."""
    fields: Callable[[Visit], Awaitable[Sequence[Field]]] | None = None
    words: Callable[[Visit], str] = lambda visit: ""
    """What will happen, in words; needed where it hurts."""
    submit: Callable[[Visit], str] = lambda visit: _("Do it")
    hurts: bool = False
    """Whether it takes something away from somebody: the button says so."""
    is_filled_by_query: bool = True
    """Whether what its query has is filled in. Not where the query says what it is about, as a filter does."""

    def action(self) -> Action:
        """Return what serves it."""
        return Action(self.path, self._serve, needs=self.needs)

    async def _serve(self, visit: Visit, request: Request, site: Site) -> Response:
        fields = [*(await self.fields(visit))] if self.fields is not None else []
        if request.method == "GET":
            if self.is_filled_by_query:
                fields = [replace(one, value=visit.query[one.name] or one.value) for one in fields]
            return self._form(visit, site, fields)
        form = await request.form(max_files=0, max_fields=MAX_FIELDS, max_part_size=MAX_FORM)
        form_key = str(form.get(FORM_KEY, ""))
        sent = [(name, str(value)) for name, value in form.multi_items() if name != FORM_KEY]
        # What is sent back and sent again has no blanks around it.
        stripped = [(name, value.strip()) for name, value in sent]
        values = Values(sent, visit.zone)
        try:
            with called_once(form_key, _address(visit), stripped):
                done = await self.act(visit, values)
        except (ValueError, OverflowError, RecursionError) as error:
            # A number that a field of the contract can't hold, a time before all calendars, JSON without an end.
            problem = Problem(400, _("That is wrong"), str(error))
            filled = _filled(fields, values, {})
            return self._form(visit, site, filled, problem, problem.status, form_key=form_key)
        except Wrong as wrong:
            filled = _filled(fields, values, {wrong.name: wrong.text})
            is_shown = any(one.name == wrong.name for one in fields)
            if is_shown:
                return self._form(visit, site, filled, form_key=form_key)
            problem = Problem(400, _("That is wrong"), wrong.text)
            return self._form(visit, site, filled, problem, 400, form_key=form_key)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise
            problem = problem_of(error)
            wrong_fields = {name.rpartition(".")[2]: text for name, text in problem.fields}
            filled = _filled(fields, values, wrong_fields)
            known = {one.name for one in fields}
            if is_open(error) and form_key:
                # Sent again, it has to be the same: without its password it would be done once more, otherwise.
                filled = _filled(fields, values, wrong_fields, has_secrets=True)
                return self._form(visit, site, filled, said_open(problem), problem.status, form_key=form_key)
            # What has ended is tried anew, if it is sent again.
            said = "" if problem.fields and all(name in known for name in wrong_fields) else problem
            return self._form(visit, site, filled, said, problem.status)
        return self._done(visit, site, done)

    def _form(
        self,
        visit: Visit,
        site: Site,
        fields: Sequence[Field],
        problem: Problem | str = "",
        status: int = 200,
        *,
        form_key: str = "",
    ) -> Response:
        return site.render(
            visit,
            "parts/form.html",
            # A dialog is shown whatever its status is, and the status is for those who are no browser.
            status,
            title=self.title(visit),
            words=self.words(visit),
            submit=self.submit(visit),
            action=_address(visit),
            fields=[*fields, Field(FORM_KEY, "", "hidden", form_key or new_form_key())],
            problem=problem,
            hurts=self.hurts,
        )

    def _done(self, visit: Visit, site: Site, done: Done) -> Response:
        if done.answer is None and not done.secret:
            response = Response(status_code=204)
            if done.goto:
                response.headers["x-console-location"] = done.goto
            if done.text:
                response.headers["x-console-toast"] = quote(done.text)
            return response
        answer = "" if done.answer is None else json.dumps(_plain(done.answer), indent=2, ensure_ascii=False)
        return site.render(visit, "parts/done.html", title=self.title(visit), done=done, answer=answer)


def _address(visit: Visit) -> str:
    """Return the path with its query, by which the fields of what is sent are the same."""
    return visit.path + (f"?{visit.query.with_()}" if len(visit.query) else "")


def _plain(message: Message) -> object:
    """Return an answer as JSON; of OCPP as the station said it."""
    return encode(message) if message.DESCRIPTOR.file.package == _OCPP else json_value(message)


def _filled(
    fields: Sequence[Field], values: Values, errors: Mapping[str, str], *, has_secrets: bool = False
) -> list[Field]:
    filled = []
    for one in fields:
        value, error = values[one.name], errors.get(one.name, "")
        if one.kind == "password" and value and not has_secrets:
            # What is secret is not sent back. An empty field means something else, so it is said.
            value, error = "", error or _("Enter it again.")
        filled.append(replace(one, value=value, error=error))
    return filled
