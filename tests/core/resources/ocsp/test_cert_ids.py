"""Certificates by their hash data."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed448, ed25519, rsa
from cryptography.x509.oid import NameOID

from citrine.ocpp.codec import decode
from citrine.ocpp.v2.types_pb2 import CertificateHashData
from citrine_core.resources.ocsp import CertId
from tests.support.trust_stores import ALGORITHMS, hash_data_of

KEYS: dict[str, Callable[[], Any]] = {
    "P-256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "P-521": lambda: ec.generate_private_key(ec.SECP521R1()),
    "RSA": lambda: rsa.generate_private_key(65537, 2048),
    "Ed25519": ed25519.Ed25519PrivateKey.generate,
    "Ed448": ed448.Ed448PrivateKey.generate,
}


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("kind", KEYS)
def test_hash_data_is_that_of_rfc_6960(kind: str, algorithm: str) -> None:
    key = KEYS[kind]()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "root"), x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), 0x0ABC, now, now + timedelta(days=1))
    root = builder.sign(key, None if kind.startswith("Ed") else hashes.SHA256())

    found = CertId.issued(root, root, algorithm.lower())

    assert found == CertId.of(decode(CertificateHashData, hash_data_of(root, algorithm)))
    assert found.serial_number == 0xABC
