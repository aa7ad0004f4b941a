"""The certificate authorities of the CSMS that the conformance cases run against, and its listeners with TLS."""

from dataclasses import dataclass
from pathlib import Path

from tests.support.pki import Authority

__all__ = ["Authorities"]


@dataclass(frozen=True)
class Authorities:
    """Who signs certificates of stations, and of the CSMS."""

    station: Authority
    """For connections with the CSMS."""
    v2g: Authority
    """For vehicles, also where a certificate is for both."""

    csms: Authority
    """For the CSMS itself."""

    @classmethod
    def new(cls) -> "Authorities":
        """Return authorities below roots of their own."""
        return cls(
            Authority.root("CSO root").below("CSO sub-CA"),
            Authority.root("V2G root").below("V2G sub-CA"),
            Authority.root("CSMS root"),
        )

    def settings(self, directory: Path) -> dict[str, str]:
        """Write certificates and keys; return the settings of a core that signs with them, and of an edge's TLS."""
        station, station_key = self.station.own.write(directory, "station-ca")
        v2g, v2g_key = self.v2g.own.write(directory, "v2g-ca")
        pairs = [self.csms.server(kind).write(directory, f"csms-{kind}") for kind in ("ec", "rsa")]
        trusted = directory / "stations.pem"
        trusted.write_text(self.station.pem)
        return {
            "ocpps_listen": "127.0.0.1:0",
            "ocpps_mtls_listen": "127.0.0.1:0",
            "ocpps_certificate_file": ",".join(str(certificate) for certificate, _ in pairs),
            "ocpps_key_file": ",".join(str(key) for _, key in pairs),
            "ocpps_client_ca_file": str(trusted),
            "station_ca_certificate_file": str(station),
            "station_ca_key_file": str(station_key),
            "v2g_ca_certificate_file": str(v2g),
            "v2g_ca_key_file": str(v2g_key),
        }
