"""The catalog of all texts of the console, for translators, written from its code and its templates."""

import io
from collections.abc import Iterator
from pathlib import Path

from babel.messages.catalog import Catalog
from babel.messages.extract import extract
from babel.messages.pofile import write_po

__all__ = ["DOCUMENT", "page"]

CONSOLE = Path(__file__).parents[2] / "clients/console/citrine_console"

DOCUMENT = CONSOLE / "locale/console.pot"

_KEYWORDS = {"_": None, "noop": None, "ngettext": (1, 2), "gettext": None}
_HEADER = """# Texts of the console, for translators. `make docs` writes this file. A translation is
# locale/LANGUAGE/LC_MESSAGES/console.po, and console.mo made of it by msgfmt."""


def page() -> str:
    """Return the catalog as it should be."""
    catalog = Catalog(project="Citrine", header_comment=_HEADER, charset="utf-8")
    for place, text in _texts():
        catalog.add(text, locations=[(place, 0)])
    written = io.BytesIO()
    write_po(written, catalog, width=120, omit_header=True, sort_output=True, include_lineno=False)
    return f"{_HEADER}\n\n{written.getvalue().decode()}"


def _texts() -> Iterator[tuple[str, str | tuple[str, ...]]]:
    for path in sorted(CONSOLE.rglob("*")):
        method = {".py": "python", ".html": "jinja2"}.get(path.suffix)
        if method is None:
            continue
        with path.open("rb") as file:
            options = {"newstyle_gettext": "true", "trimmed": "true"}
            for _line, text, _comments, _context in extract(method, file, _KEYWORDS, options=options):
                yield path.relative_to(CONSOLE).as_posix(), text
