"""The password of a station, and what becomes of it when the CSMS sets another one (A01)."""

from citrine_simulator.store import StationStore

__all__ = ["Credentials"]


class Credentials:
    """The password in use; the one before is kept until the new one has worked."""

    def __init__(self, configured: str | None, store: StationStore) -> None:
        """Begin with the password the CSMS has set, unless the station was given another one since."""
        self._configured = configured
        self._store = store
        stored = store.recall("password")
        self.current = configured
        self._other: str | None = None
        if stored is not None and stored["configured"] == configured:
            self.current, self._other = stored["current"], stored["other"]

    def change(self, password: str) -> None:
        """Use another password from the next connection on."""
        self._save(password, self.current)

    def worked(self) -> None:
        """Forget the other password: this one was accepted."""
        if self._other is not None:
            self._save(self.current, None)

    def refused(self) -> None:
        """Try the other password next, if there is one: perhaps the CSMS never saw our answer."""
        if self._other is not None:
            self._save(self._other, self.current)

    def _save(self, current: str | None, other: str | None) -> None:
        self.current, self._other = current, other
        self._store.remember("password", {"configured": self._configured, "current": current, "other": other})
