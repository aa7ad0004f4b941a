"""The texts of the console in the reader's language: English, and whatever catalogs of translations there are.

Texts stand where they are used, marked with `_`, and in templates with `{% trans %}` or `_()`. `make docs` collects all
of them in `locale/console.pot`; a translation is `locale/LANGUAGE/LC_MESSAGES/console.mo` beside it.
"""

import gettext
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from pathlib import Path

__all__ = ["DEFAULT_LANGUAGE", "_", "best_language", "ngettext", "noop", "speaking"]

DEFAULT_LANGUAGE = "en"

_DOMAIN = "console"
_LOCALE = Path(__file__).parent / "locale"

_language: ContextVar[str] = ContextVar("console_language", default=DEFAULT_LANGUAGE)


@cache
def _catalog(language: str) -> gettext.NullTranslations:
    return gettext.translation(_DOMAIN, _LOCALE, [language], fallback=True)


@cache
def _translated() -> frozenset[str]:
    return frozenset(path.parent.parent.name for path in _LOCALE.glob(f"*/LC_MESSAGES/{_DOMAIN}.mo"))


def _(text: str) -> str:
    """Return a text in the language of who reads it."""
    return _catalog(_language.get()).gettext(text)


def ngettext(one: str, many: str, number: int) -> str:
    """Return the form of a text that goes with a number, in the language of who reads it."""
    return _catalog(_language.get()).ngettext(one, many, number)


def noop(text: str) -> str:
    """Return a text as it is, to be translated where it is shown."""
    return text


def best_language(accepted: str) -> str:
    """Return the language to speak to a browser, by its Accept-Language header."""
    for wanted in _by_preference(accepted):
        if wanted in _translated():
            return wanted
        if wanted == DEFAULT_LANGUAGE:
            break
    return DEFAULT_LANGUAGE


def _by_preference(accepted: str) -> Iterable[str]:
    weighed: list[tuple[float, int, str]] = []
    for part in accepted.split(",")[:20]:
        tag, _semicolon, weight = part.partition(";q=")
        try:
            weighed.append((-float(weight or 1), len(weighed), tag.strip().partition("-")[0].lower()))
        except ValueError:
            continue
    return [tag for _weight, _place, tag in sorted(weighed)]


@contextmanager
def speaking(language: str) -> Iterator[None]:
    """Within the block texts are in a language."""
    before = _language.set(language)
    try:
        yield
    finally:
        _language.reset(before)
