"""The settings of `citrine up`, and the paths of its files."""

from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator

__all__ = ["UpSettings", "host_and_port"]


def host_and_port(address: str) -> tuple[str, int]:
    """Split HOST:PORT. An IPv6 host may be in brackets.

    Raises:
        ValueError: When the address is malformed, or the port is not from 0 to 65535.
    """
    host, separator, port = address.rpartition(":")
    if not separator or not host or not port.isascii() or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"{address!r} is not an address: expected HOST:PORT")
    return host.removeprefix("[").removesuffix("]"), int(port)


class UpSettings(BaseModel):
    """Settings of `citrine up`. An address with port 0 gets a free port, which stays the same while `up` runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data_dir: Path
    """Directory for keys, passwords, logs and queues; only its owner may enter."""
    database: str
    """SQLAlchemy URL."""
    ocpp_listen: str
    """HOST:PORT for stations without TLS (security profile 1)."""
    ocpps_listen: str
    """HOST:PORT for stations with TLS (security profile 2); empty: none."""
    ocpps_mtls_listen: str
    """HOST:PORT for stations with TLS and a certificate (security profile 3); empty: none."""
    grpc_listen: str
    """HOST:PORT for edges and clients."""
    core_http_listen: str
    """HOST:PORT for health and metrics of the core."""
    edge_http_listen: str
    """HOST:PORT for health and metrics of the edge."""
    console_listen: str
    """HOST:PORT of the web console; empty: none."""
    ocpi: bool
    """Whether to run the OCPI adapter, and with the demo a simulated eMSP."""
    ocpi_listen: str
    """HOST:PORT of the OCPI adapter."""
    ocpi_http_listen: str
    """HOST:PORT for health and metrics of the OCPI adapter."""
    emsp_listen: str
    """HOST:PORT of the simulated eMSP."""
    demo: bool
    """Whether to create and run the demo."""

    @field_validator(
        "ocpp_listen",
        "grpc_listen",
        "core_http_listen",
        "edge_http_listen",
    )
    @classmethod
    def _is_address(cls, address: str) -> str:
        host_and_port(address)
        return address

    @field_validator("ocpps_listen", "ocpps_mtls_listen", "console_listen")
    @classmethod
    def _is_address_or_empty(cls, address: str) -> str:
        return address and cls._is_address(address)

    @field_validator("ocpi_listen", "ocpi_http_listen", "emsp_listen")
    @classmethod
    def _is_address_if_used(cls, address: str, info: ValidationInfo) -> str:
        # Their variables may be there for an adapter that is started by itself.
        return cls._is_address(address) if info.data.get("ocpi") else address

    @property
    def tls_listeners(self) -> dict[str, str]:
        """Addresses for stations with TLS, by the names of the edge."""
        given = {"ocpps": self.ocpps_listen, "ocpps_mtls": self.ocpps_mtls_listen}
        return {name: address for name, address in given.items() if address}

    @property
    def ca_folder(self) -> Path:
        """Directory of the development CA, which is that of `citrine ca`."""
        return self.data_dir / "ca"

    @property
    def edge_credential_file(self) -> Path:
        """File with the secret that authenticates the edge to the core."""
        return self.data_dir / "edge.credential"

    @property
    def operator_key_file(self) -> Path:
        """File to which the core writes the operator's API key."""
        return self.data_dir / "operator.key"

    @property
    def encryption_key_file(self) -> Path:
        """File to which the core writes the key that encrypts stored secrets."""
        return self.data_dir / "encryption.keys"

    @property
    def console_login_file(self) -> Path:
        """File with the log-in of the address that is printed for browsers."""
        return self.data_dir / "console-login.json"

    @property
    def demo_file(self) -> Path:
        """File with the credentials of the demo."""
        return self.data_dir / "demo.json"

    @property
    def passwords_file(self) -> Path:
        """File with the passwords of the simulated stations."""
        return self.data_dir / "demo-passwords.json"
