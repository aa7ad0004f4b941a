"""The basic authentication password of a station, and its change by the CSMS (A01)."""

from citrine_simulator.store import StationStore

__all__ = ["Credentials"]


class Credentials:
    """The current password. The previous one is stored until the new one was accepted."""

    def __init__(self, configured: str | None, store: StationStore) -> None:
        """Use the password that the CSMS set, unless the configured one has changed since then."""
        self._configured = configured
        self._store = store
        stored = store.recall("password")
        self.current = configured
        self._other: str | None = None
        if stored is not None and stored["configured"] == configured:
            self.current, self._other = stored["current"], stored["other"]

    def change(self, password: str) -> None:
        """Set the password for the next connection."""
        self._save(password, self.current)

    def worked(self) -> None:
        """Discard the other password, after the current one was accepted."""
        if self._other is not None:
            self._save(self.current, None)

    def refused(self) -> None:
        """Use the other password next, if there is one: the CSMS may have missed the answer to SetVariables."""
        if self._other is not None:
            self._save(self._other, self.current)

    def _save(self, current: str | None, other: str | None) -> None:
        self.current, self._other = current, other
        self._store.remember("password", {"configured": self._configured, "current": current, "other": other})
