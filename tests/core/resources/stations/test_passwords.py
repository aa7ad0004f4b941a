"""Passwords of stations."""

import pytest

from citrine_core.resources.stations.passwords import (
    generate_password,
    hash_generated,
    hash_password,
    is_fast,
    verify,
)


def test_hash_fits_its_password_and_no_other() -> None:
    stored = hash_password("correct horse battery")

    assert verify(stored, b"correct horse battery")
    assert not verify(stored, b"correct horse batterz")
    assert not verify(stored, b"\xff\xfe\x00")


def test_hash_is_argon2id_with_its_costs() -> None:
    assert hash_password("correct horse battery").startswith("$argon2id$v=19$m=12288,t=1,p=1$")


def test_hash_of_a_generated_password_fits_it_and_no_other() -> None:
    password = generate_password()
    stored = hash_generated(password)

    assert verify(stored, password.encode())
    assert not verify(stored, password.encode() + b"x")
    assert not verify(stored, b"\xff\xfe\x00")
    assert not verify(stored, b"")


def test_form_of_a_hash_says_how_it_was_made() -> None:
    password = generate_password()

    assert is_fast(hash_generated(password))
    assert not is_fast(hash_password(password))


def test_hashes_of_one_generated_password_differ() -> None:
    password = generate_password()

    assert hash_generated(password) != hash_generated(password)
    assert len(hash_generated(password)) <= 200


@pytest.mark.parametrize("stored", ["", "x", "$argon2id$", "$hmac-sha256$", "$hmac-sha256$AAAA$"])
def test_what_is_no_hash_fits_nothing(stored: str) -> None:
    assert not verify(stored, b"correct horse battery")


def test_generated_passwords_differ() -> None:
    assert len({generate_password() for _ in range(100)}) == 100
