"""What a handshake says, by tables."""

import base64

import pytest

from citrine_edge.handshake import Credentials, Identity, InvalidCredentials, read_authorization, read_path


@pytest.mark.parametrize(
    ("path", "identity"),
    [
        ("/CS1", Identity("", "CS1")),
        ("/acme/CS1", Identity("acme", "CS1")),
        ("/CS1?version=2", Identity("", "CS1")),
        ("//CS1", Identity("", "CS1")),
        ("/CS1/", Identity("", "CS1")),
        ("/CS1/?version=2", Identity("", "CS1")),
        ("/acme//CS1", Identity("acme", "CS1")),
        ("///acme///CS1//", Identity("acme", "CS1")),
        ("//a%2Fb", Identity("", "a/b")),
        ("/RDAM%7C123", Identity("", "RDAM|123")),
        ("/a%2Fb", Identity("", "a/b")),
        ("/a%252Fb", Identity("", "a%2Fb")),
        ("/%C3%BC", Identity("", "ü")),
        ("/a+b", Identity("", "a+b")),
        (f"/{'x' * 48}", Identity("", "x" * 48)),
        (f"/{'t' * 64}/CS1", Identity("t" * 64, "CS1")),
    ],
)
def test_path_names_the_station(path: str, identity: Identity) -> None:
    """Decoded once, after it is split (part 4, 3.1.1)."""
    assert read_path(path) == identity


@pytest.mark.parametrize(
    "path",
    ["", "/", "//", "/a/b/c", "/a//b/c/", "CS1", "*", "/%FF", "/a%00b", "/a%0Ab", "/%E2%80%8B", f"/{'x' * 49}"],
)
def test_other_paths_name_none(path: str) -> None:
    assert read_path(path) is None


def basic(value: bytes) -> str:
    return f"Basic {base64.b64encode(value).decode()}"


@pytest.mark.parametrize(
    ("headers", "credentials"),
    [
        ([], None),
        ([basic(b"CS1:secret")], Credentials("CS1", b"secret")),
        ([basic(b"CS1:a:b")], Credentials("CS1", b"a:b")),
        ([basic(b"CS1:")], Credentials("CS1", b"")),
        ([basic(b":secret")], Credentials("", b"secret")),
        ([basic(b"CS1:\xff\x00")], Credentials("CS1", b"\xff\x00")),
        ([basic(b"CS1:x").replace("Basic", "bAsIc")], Credentials("CS1", b"x")),
        ([basic(b"CS1:x").replace(" ", "   ")], Credentials("CS1", b"x")),
    ],
)
def test_credentials_are_read(headers: list[str], credentials: Credentials | None) -> None:
    assert read_authorization(headers) == credentials


@pytest.mark.parametrize(
    "headers",
    [
        [""],
        ["Basic"],
        ["Basic !!!"],
        ["Basic Q1Mx"],
        ["Bearer Q1MxOng="],
        [basic(b"\xff:x")],
        [basic(b"CS1:x"), basic(b"CS1:x")],
    ],
)
def test_malformed_header_is_refused(headers: list[str]) -> None:
    with pytest.raises(InvalidCredentials, match="malformed"):
        read_authorization(headers)
