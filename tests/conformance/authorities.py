"""The certificate authorities of the CSMS that the conformance cases run against."""

from dataclasses import dataclass
from pathlib import Path

from tests.support.pki import Authority

__all__ = ["Authorities"]


@dataclass(frozen=True)
class Authorities:
    """Who signs certificates of stations."""

    station: Authority
    """For connections with the CSMS."""
    v2g: Authority
    """For vehicles, also where a certificate is for both."""

    @classmethod
    def new(cls) -> "Authorities":
        """Return authorities below roots of their own."""
        return cls(Authority.root("CSO root").below("CSO sub-CA"), Authority.root("V2G root").below("V2G sub-CA"))

    def settings(self, directory: Path) -> dict[str, str]:
        """Write certificates and keys; return the settings of a core that signs with them."""
        station, station_key = self.station.own.write(directory, "station-ca")
        v2g, v2g_key = self.v2g.own.write(directory, "v2g-ca")
        return {
            "station_ca_certificate_file": str(station),
            "station_ca_key_file": str(station_key),
            "v2g_ca_certificate_file": str(v2g),
            "v2g_ca_key_file": str(v2g_key),
        }
