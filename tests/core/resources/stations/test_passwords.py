"""Passwords of stations."""

import pytest

from citrine_core.resources.stations.passwords import generate_password, hash_password, verify


def test_hash_fits_its_password_and_no_other() -> None:
    stored = hash_password("correct horse battery")

    assert verify(stored, b"correct horse battery")
    assert not verify(stored, b"correct horse batterz")
    assert not verify(stored, b"\xff\xfe\x00")


def test_hash_is_argon2id_with_its_costs() -> None:
    assert hash_password("correct horse battery").startswith("$argon2id$v=19$m=12288,t=1,p=1$")


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$"])
def test_what_is_no_hash_fits_nothing(stored: str) -> None:
    assert not verify(stored, b"correct horse battery")


def test_generated_passwords_differ() -> None:
    assert len({generate_password() for _ in range(100)}) == 100
