import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from websockets.asyncio.server import ServerConnection, serve

from citrine_simulator import UsageError
from citrine_simulator.connection import Target, open_socket
from citrine_simulator.tls import tls_context


def _certificate(directory: Path, name: str) -> tuple[Path, Path]:
    """Write a certificate that vouches for itself, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem, private = directory / f"{name}.pem", directory / f"{name}.key"
    pem.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return pem, private


async def test_a_station_trusts_the_named_authority_and_shows_its_certificate(tmp_path: Path) -> None:
    server, server_key = _certificate(tmp_path, "csms")
    station, station_key = _certificate(tmp_path, "CS-1")
    shown = []

    async def handle(socket: ServerConnection) -> None:
        shown.append(socket.transport.get_extra_info("ssl_object").getpeercert()["subject"])

    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=station)
    context.load_cert_chain(server, server_key)
    context.verify_mode = ssl.CERT_REQUIRED
    async with serve(handle, "localhost", 0, ssl=context, subprotocols=["ocpp2.0.1"]) as csms:  # type: ignore[list-item]
        port = next(iter(csms.sockets)).getsockname()[1]
        url = f"wss://localhost:{port}/CS-1"
        socket = await open_socket(Target(url, "CS-1", "2.0.1", None, tls=tls_context(server, station, station_key)))
        await socket.wait_closed()
        with pytest.raises(ssl.SSLCertVerificationError):
            await open_socket(Target(url, "CS-1", "2.0.1", None, tls=tls_context(station, None, None)))

    assert shown == [((("commonName", "CS-1"),),)]


def test_a_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"nothing\.pem"):
        tls_context(tmp_path / "nothing.pem", None, None)
