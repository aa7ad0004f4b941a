"""Who looks at what: a page with its parameters, by a session."""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from citrine_console.sessions import Rights, Session
from citrine_sdk import Citrine

__all__ = ["UTC_ZONE", "Query", "Visit"]

UTC_ZONE = ZoneInfo("UTC")


class Query(Mapping[str, str]):
    """The query of a URL. A name that is not there is empty text; one may be there several times: see `all`."""

    def __init__(self, items: tuple[tuple[str, str], ...] = ()) -> None:
        self.items_in_order = tuple((name, value) for name, value in items if value)

    def __getitem__(self, name: str) -> str:
        return next((value for known, value in self.items_in_order if known == name), "")

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(name for name, _ in self.items_in_order))

    def __len__(self) -> int:
        return len({name for name, _ in self.items_in_order})

    def all(self, name: str) -> list[str]:
        """Return all values of a name."""
        return [value for known, value in self.items_in_order if known == name]

    def number(self, name: str, default: int, least: int = 0, most: int = 2**31 - 1) -> int:
        """Return a value as a whole number within bounds; the default where it is none."""
        text = self[name]
        return min(max(int(text), least), most) if text.isascii() and text.isdigit() else default

    def with_(self, **changes: str | None) -> str:
        """Return the query with other values, encoded, without "?"; None and "" remove a name."""
        others = [(name, value) for name, value in self.items_in_order if name not in changes]
        return urlencode([*others, *((name, value) for name, value in changes.items() if value)])


@dataclass(frozen=True)
class Visit:
    """One look at one page. Two visits that are equal by `key` see the same."""

    session: Session
    path: str
    """Of the page, percent-encoded."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """What the path names: the station, say."""
    query: Query = field(default_factory=Query)
    zone: ZoneInfo = UTC_ZONE
    """Time zone of the browser."""
    language: str = "en"
    rights: Rights = field(init=False)
    """Those of the session when it looked: they may become others."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rights", self.session.rights)

    @property
    def citrine(self) -> Citrine:
        """The client of the API, with the credential of who looks."""
        return self.session.citrine

    def key(self, names: Collection[str] | None = None) -> tuple[object, ...]:
        """Return what tells apart visits that may see different things.

        Args:
            names: Of the query, those that matter. None: all of them.
        """
        query = self.query.items_in_order
        if names is not None:
            query = tuple(item for item in query if item[0] in names)
        return (self.rights, self.path, query, self.zone.key, self.language)

    def may(self, *rpcs: str) -> bool:
        """Return whether who looks may call all of these rpcs."""
        return self.rights.permissions.may(*rpcs)

    def __getitem__(self, name: str) -> str:
        """Return a parameter of the path."""
        return self.parameters[name]
