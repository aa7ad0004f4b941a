"""Tests of remembered logins."""

import pytest

from citrine_core.link.logins import RememberedLogins


def test_a_login_is_known_by_all_its_parts() -> None:
    logins = RememberedLogins()
    logins.add("default", "CS-1", 1, b"password")

    assert logins.knows("default", "CS-1", 1, b"password")


@pytest.mark.parametrize(
    "login",
    [
        pytest.param(("acme", "CS-1", 1, b"password"), id="another tenant"),
        pytest.param(("default", "CS-2", 1, b"password"), id="another station"),
        pytest.param(("default", "CS-1", 2, b"password"), id="a changed password"),
        pytest.param(("default", "CS-1", 1, b"Password"), id="another password"),
        pytest.param(("default", "CS-1", 1, b""), id="no password"),
    ],
)
def test_another_login_is_not_known(login: tuple[str, str, int, bytes]) -> None:
    logins = RememberedLogins()
    logins.add("default", "CS-1", 1, b"password")

    assert not logins.knows(*login)


def test_the_least_recently_used_is_forgotten_first() -> None:
    logins = RememberedLogins(most=2)
    logins.add("default", "CS-1", 1, b"p")
    logins.add("default", "CS-2", 1, b"p")
    logins.knows("default", "CS-1", 1, b"p")
    logins.add("default", "CS-3", 1, b"p")

    known = [station for station in ("CS-1", "CS-2", "CS-3") if logins.knows("default", station, 1, b"p")]
    assert known == ["CS-1", "CS-3"]
