"""Pages and regions as HTML, by the templates of this package."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import quote

import grpc
from google.protobuf.timestamp_pb2 import Timestamp
from jinja2 import Environment, FileSystemLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from citrine_console import formats, texts
from citrine_console.cells import ago_element, time_element
from citrine_console.errors import LoggedOut, problem_of
from citrine_console.live.regions import Page, Region, Shown
from citrine_console.navigation import entries
from citrine_console.visits import Visit

__all__ = ["Renderer"]

_TEMPLATES = Path(__file__).parent / "templates"

_FAILED = "parts/failed.html"


class Renderer:
    """Renders templates; all text that comes from elsewhere is escaped.

    Args:
        version: Version of Citrine, by which browsers know that files changed.
        shared: Variables of all templates.
    """

    def __init__(self, version: str, shared: Mapping[str, object]) -> None:
        self._environment = Environment(
            loader=FileSystemLoader(_TEMPLATES),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.i18n", "jinja2.ext.do"],
        )
        self._environment.install_gettext_callables(texts._, texts.ngettext, newstyle=True)  # type: ignore[attr-defined]
        self._environment.globals.update(shared, version=version, entries=entries, icon=partial(_icon, version))
        self._environment.filters.update(
            {
                "duration": formats.duration,
                "energy": formats.energy,
                "fields": formats.fields,
                "enum": formats.enum_word,
                "iso": formats.iso,
                "money": formats.money,
                "number": formats.number,
                "optional": formats.optional,
                "power": formats.power,
                "segment": partial(quote, safe=""),
                "tone": formats.tone,
                "time": _time,
                "ago": _ago,
            }
        )

    def prepare(self) -> None:
        """Compile all templates, so that nobody waits for it."""
        for name in self._environment.list_templates(extensions=["html"]):
            self._environment.get_template(name)

    def render(self, template: str, visit: Visit | None = None, /, **variables: object) -> str:
        """Return a template with variables."""
        with texts.speaking(visit.language if visit is not None else texts.DEFAULT_LANGUAGE):
            zone = visit.zone if visit is not None else None
            return self._environment.get_template(template).render(**{"visit": visit, "zone": zone, **variables})

    async def show(self, visit: Visit, page: Page, region: Region) -> Shown:
        """Read a region and render it; what fails is shown as failed.

        Raises:
            LoggedOut: When the core does not know the credential any more.
        """
        try:
            with texts.speaking(visit.language):
                variables = await region.load(visit)
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNAUTHENTICATED:
                raise LoggedOut from error
            with texts.speaking(visit.language):
                problem = problem_of(error)
            return Shown.of(region.name, self.render(_FAILED, visit, problem=problem, region=region), error)
        return Shown.of(region.name, self.render(region.template, visit, **variables))

    def region(self, shown: Shown) -> Markup:
        """Return a region as the element that its page has."""
        # It is rendered by a template, which escaped it.
        return Markup('<div id="{}" data-region="{}">{}</div>').format(shown.name, shown.digest, Markup(shown.html))

    def page(self, visit: Visit, page: Page, shown: Mapping[str, Shown]) -> str:
        """Return a page with its regions."""
        with texts.speaking(visit.language):
            title, context = page.title(visit), page.context(visit)

        def region(name: str) -> Markup:
            return self.region(shown[name]) if name in shown else Markup()

        return self.render(page.template, visit, page=page, title=title, region=region, shown=shown, **context)


def _icon(version: str, name: str) -> Markup:
    """Return a symbol of static/icons.svg, which readers of screens pass over."""
    return Markup('<svg class="icon" aria-hidden="true"><use href="/static/icons.svg?v={}#{}"/></svg>').format(
        version, name
    )


@pass_context
def _time(context: Context, value: Timestamp | None, zone: Any = None) -> Markup | str:
    return time_element(value, zone or context["zone"])


@pass_context
def _ago(context: Context, value: Timestamp | None, zone: Any = None) -> Markup | str:
    return ago_element(value, zone or context["zone"])
