"""What an upgrade of a database shows on a terminal: which of its steps runs, and what it does."""

import os
import textwrap
from collections.abc import Sequence
from typing import Any, TextIO

from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

__all__ = ["UpgradeProgress"]


class UpgradeProgress:
    """Says a line before each step, and nothing where nobody sees it.

    Args:
        out: Where to; a terminal, or nothing is said.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._steps: Sequence[str] = ()
        self._done = 0

    def begin(self, config: Config, connection: Connection) -> None:
        """Find out which steps are to come, and say the first one."""
        if not self._out.isatty():
            return
        current = MigrationContext.configure(connection).get_current_revision()
        if current is None:
            self._say("making the tables of a new database")
            return
        script = ScriptDirectory.from_config(config)
        if current not in {one.revision for one in script.walk_revisions()}:
            # A newer version made it: the upgrade says so.
            return
        steps = [*script.iterate_revisions("head", current)][::-1]
        self._steps = [f"{one.revision}: {one.doc}" for one in steps]
        self._say_next()

    # Any: Alembic's own words for what it calls with.
    def step_done(self, **_: Any) -> None:
        """Say what comes next; for `on_version_apply` of Alembic."""
        if self._steps:
            self._done += 1
            self._say_next()

    def say(self, text: str) -> None:
        """Say what is done behind the steps."""
        if self._out.isatty():
            self._say(text)

    def _say_next(self) -> None:
        if self._done < len(self._steps):
            self._say(f"{self._done + 1} of {len(self._steps)}  {self._steps[self._done]}")

    def _say(self, text: str) -> None:
        try:
            columns = os.get_terminal_size(self._out.fileno()).columns
        except OSError:
            columns = 0
        parts = textwrap.wrap(text, max(columns, 40), subsequent_indent="    ", break_long_words=False)
        self._out.write("".join(f"{part}\n" for part in parts))
        self._out.flush()
