"""What a tariff of the core loses on its way to OCPI, and what it may not lose."""

__all__ = ["NotExpressible", "Remarks"]


class NotExpressible(Exception):
    """OCPI can't say what the tariff says: it is shown to no partner."""

    def __init__(self, reasons: tuple[str, ...]) -> None:
        self.reasons = reasons

    def __str__(self) -> str:
        return "; ".join(self.reasons)


class Remarks:
    """Collects what was approximated, and what would be wrong."""

    def __init__(self) -> None:
        self._approximations: dict[str, None] = {}
        self._refusals: dict[str, None] = {}
        self.notes: list[str] = []
        """What drivers should read, in English, since the fields do not say it."""

    def approximate(self, what: str) -> None:
        """Note that something is said in another way than it is."""
        self._approximations[what] = None

    def refuse(self, what: str) -> None:
        """Note that something can't be said at all."""
        self._refusals[what] = None

    @property
    def approximations(self) -> tuple[str, ...]:
        """What was approximated, once each."""
        return tuple(self._approximations)

    def check(self) -> None:
        """Let the tariff pass.

        Raises:
            NotExpressible: When something can't be said.
        """
        if self._refusals:
            raise NotExpressible(tuple(self._refusals))
