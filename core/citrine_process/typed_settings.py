"""Settings as a class: its annotated attributes are read from text, checked, and do not change any more.

That is little enough to be done here: a library of models takes longer to load than the process's own code.
"""

import inspect
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, Literal, NoReturn, Self, TypeVar, Union, dataclass_transform, get_args, get_origin

from citrine_process.durations import read_duration

__all__ = ["InvalidSetting", "Secret", "Setting", "Settings", "setting"]

Value = TypeVar("Value")


class InvalidSetting(Exception):
    """A setting that is not known or has no meaning; its text is one line that names it."""


class Secret:
    """A text that is shown nowhere by accident."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return "Secret('**********')" if self._text else "Secret('')"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    def __hash__(self) -> int:
        return hash(self._text)

    def reveal(self) -> str:
        """Return the text."""
        return self._text


@dataclass
class Setting:
    """What one setting may be.

    Attributes:
        default: What it is unless somebody sets it.
        ge: Least value.
        gt: Value above which it must be.
        le: Greatest value.
        check: Returns the value as it is to be, and raises ValueError with what it must be.
        kind: Type of the value: str, int, float, timedelta, Path or Secret.
        is_optional: Whether it may be None. A duration that may be so is written "none".
        choices: All that it may be; empty where that is not a matter of a few words.
    """

    default: Any
    ge: Any = None
    gt: Any = None
    le: Any = None
    check: Callable[[Any], Any] | None = None
    kind: type = str
    is_optional: bool = False
    choices: tuple[str, ...] = ()

    def read(self, value: object) -> Any:
        """Return the value of a text, or of what has its type already.

        Raises:
            ValueError: When it is none, with what it must be.
        """
        if self.is_optional and (value is None or (self.kind is timedelta and str(value).lower() == "none")):
            return None
        try:
            found = _READERS[self.kind](value)
        except (TypeError, ValueError, OverflowError):
            self._refuse(value)
        # Written so that what is no number is out of all bounds.
        within = (
            (self.ge is None or found >= self.ge)
            and (self.gt is None or found > self.gt)
            and (self.le is None or found <= self.le)
            and (not self.choices or found in self.choices)
        )
        if not within:
            self._refuse(value)
        return found if self.check is None else self.check(found)

    def must_be(self) -> str:
        """Return what a value must be, in words."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        words = (("from", self.ge), ("above", self.gt), ("up to", self.le))
        bounds = "".join(f" {word} {_shown(bound)}" for word, bound in words if bound is not None)
        return _NAMES[self.kind] + bounds + (', or "none"' if self.is_optional and self.kind is timedelta else "")

    def _refuse(self, value: object) -> NoReturn:
        given = "" if self.kind is Secret else f", not {_shown(value)!r}"
        raise ValueError(f"must be {self.must_be()}{given}")


def setting(
    *,
    default: Value,
    ge: Any = None,
    gt: Any = None,
    le: Any = None,
    check: Callable[[Any], Any] | None = None,
) -> Value:
    """Return a setting with bounds, or with a check of its own, to stand behind its annotation: see `Setting`."""
    described: Any = Setting(default, ge, gt, le, check)
    return described  # type: ignore[no-any-return]


@dataclass_transform(frozen_default=True, kw_only_default=True, field_specifiers=(setting,))
class Settings:
    """Base of the settings of a process. Each attribute has an annotation, a default, and its meaning as docstring."""

    fields: ClassVar[Mapping[str, Setting]] = {}
    """By name, in the order of the class."""

    def __init_subclass__(cls) -> None:
        super().__init_subclass__()
        cls.fields = {name: _described(annotation, cls.__dict__[name]) for name, annotation in _annotations(cls)}

    def __init__(self, **values: Any) -> None:
        if unknown := values.keys() - self.fields.keys():
            raise InvalidSetting(f"unknown setting {min(unknown)}")
        for name, field in self.fields.items():
            try:
                self.__dict__[name] = field.read(values[name]) if name in values else field.default
            except ValueError as error:
                raise InvalidSetting(f"{name}: {error}") from None
        self.__dict__["_chosen"] = frozenset(values)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise AttributeError(f"{name} can't be changed")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self.fields)})"

    def is_chosen(self, name: str) -> bool:
        """Tell whether somebody set a setting, be it to its default."""
        chosen: frozenset[str] = self.__dict__["_chosen"]
        return name in chosen

    def with_values(self, **values: Any) -> Self:
        """Return the same settings but for these.

        Raises:
            InvalidSetting: When one is unknown or invalid.
        """
        chosen: frozenset[str] = self.__dict__["_chosen"]
        return type(self)(**{**{name: getattr(self, name) for name in chosen}, **values})


def _annotations(cls: type) -> list[tuple[str, Any]]:
    return list(inspect.get_annotations(cls).items())


def _described(annotation: Any, value: object) -> Setting:
    found = value if isinstance(value, Setting) else Setting(value)
    kinds = [annotation]
    if get_origin(annotation) in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not types.NoneType]
        found.is_optional = True
    (found.kind,) = kinds
    if get_origin(found.kind) is Literal:
        found.choices, found.kind = get_args(found.kind), str
    return found


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise TypeError
    return int(value)


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    return float(value)


def _duration(value: object) -> timedelta:
    if isinstance(value, str):
        return read_duration(value)
    return value if isinstance(value, timedelta) else timedelta(seconds=_number(value))


def _path(value: object) -> Path:
    if not isinstance(value, Path | str):
        raise TypeError
    return Path(value)


def _secret(value: object) -> Secret:
    return value if isinstance(value, Secret) else Secret(_text(value))


_READERS: Mapping[type, Callable[[object], Any]] = {
    str: _text,
    int: _whole,
    float: _number,
    timedelta: _duration,
    Path: _path,
    Secret: _secret,
}

_NAMES: Mapping[type, str] = {
    str: "text",
    int: "a whole number",
    float: "a number",
    timedelta: "a duration (90s, 5m, 1d12h, PT5M)",
    Path: "a path",
    Secret: "text",
}


def _shown(value: object) -> object:
    return f"{value.total_seconds():g}s" if isinstance(value, timedelta) else value
