"""All that the console says can be translated."""

import re
from pathlib import Path

import pytest

from tests.conventions.console_texts import CONSOLE

TEMPLATES = sorted((CONSOLE / "templates").rglob("*.html"))

SAME_EVERYWHERE = frozenset(
    {"Citrine", "EVSE", "SoC", "OCPP", "JSON", "CSV", "URL", "ISO", "SHA", "PEM", "IBAN", "kW", "kWh"}
)
"""Names and units, which no language translates."""

_JINJA = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
_MARKUP = re.compile(r"<(?:code|script|style)\b.*?</(?:code|script|style)>|<[^>]*>|&\w+;", re.DOTALL)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.relative_to(CONSOLE / "templates").as_posix())
def test_a_template_has_no_words_that_can_t_be_translated(template: Path) -> None:
    text = _MARKUP.sub(" ", _JINJA.sub(" ", template.read_text(encoding="utf-8")))

    assert set(re.findall(r"[A-Za-z]{2,}", text)) - SAME_EVERYWHERE == set()
