"""The entries of the navigation, each for those who may see its page."""

from collections.abc import Iterator
from dataclasses import dataclass

from citrine_console.texts import noop
from citrine_console.visits import Visit

__all__ = ["ENTRIES", "Entry", "entries"]


@dataclass(frozen=True)
class Entry:
    """A link of the navigation."""

    section: str
    path: str
    title: str
    icon: str
    """Name of a symbol in static/icons.svg."""
    needs: tuple[str, ...] = ()
    """Rpcs without which it is not shown."""


ENTRIES = (
    Entry("overview", "/", noop("Overview"), "gauge"),
    Entry("stations", "/stations", noop("Stations"), "station", ("ListStations",)),
    Entry("commands", "/commands", noop("Commands"), "list", ("ListCommands",)),
    Entry("operations", "/operations", noop("Operations"), "wrench", ("ListOperations",)),
    Entry("transactions", "/transactions", noop("Transactions"), "bolt", ("ListTransactions",)),
    Entry("records", "/charge-records", noop("Charge records"), "list", ("ListChargeRecords",)),
    Entry("tariffs", "/tariffs", noop("Tariffs"), "money", ("ListTariffs",)),
    Entry("tokens", "/tokens", noop("Tokens"), "card", ("ListTokens",)),
    Entry("persons", "/persons", noop("Data of drivers"), "person", ("ListErasures",)),
    Entry("locations", "/locations", noop("Locations"), "pin", ("ListLocations",)),
    Entry("reservations", "/reservations", noop("Reservations"), "clock", ("ListReservations",)),
    Entry("smart-charging", "/smart-charging", noop("Smart charging"), "sun", ("ListChargingCapacities",)),
    Entry("alerts", "/alerts", noop("Alerts"), "bell", ("ListAlerts",)),
    Entry("security-events", "/security-events", noop("Security events"), "shield", ("ListSecurityEvents",)),
    Entry("refused", "/refused", noop("Refused messages"), "wrench", ("ListRefusals",)),
    Entry("certificates", "/certificates", noop("Certificates"), "key", ("ListStoredCertificates",)),
    Entry("upgrades", "/profile-upgrades", noop("Security profiles"), "shield", ("ListSecurityProfileUpgrades",)),
    Entry("configurations", "/configurations", noop("Configurations"), "list", ("ListConfigurations",)),
    Entry("campaigns", "/campaigns", noop("Firmware campaigns"), "package", ("ListFirmwareCampaigns",)),
    Entry("display-messages", "/display-messages", noop("Display messages"), "card", ("ListDisplayMessages",)),
    Entry("keys", "/keys", noop("API keys"), "key", ("ListKeys",)),
    Entry("audit", "/audit", noop("Audit"), "shield", ("ListAuditRecords",)),
    Entry("settings", "/settings", noop("Settings"), "gear"),
    Entry("tenants", "/tenants", noop("Tenants"), "package", ("ListTenants",)),
)


def entries(visit: Visit) -> Iterator[Entry]:
    """Yield the entries that somebody may see."""
    return (entry for entry in ENTRIES if visit.may(*entry.needs))
