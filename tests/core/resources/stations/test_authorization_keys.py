import pytest

from citrine_core.resources.stations.authorization_keys import forms_of


@pytest.mark.parametrize(
    ("password", "forms"),
    [
        pytest.param(b"Aa0:", [b"Aa0:", b"4161303a", b"4161303A"], id="bytes, with a colon"),
        pytest.param(b"\x00\xff", [b"\x00\xff", b"00ff", b"00FF"], id="bytes that are no text"),
        pytest.param(b"4161303a", [b"4161303a", b"Aa0:", b"4161303A"], id="hexadecimal text"),
        pytest.param(b"00FF", [b"00FF", b"\x00\xff", b"00ff"], id="in capitals"),
        pytest.param(b"41 61", [b"41 61", b"3431203631"], id="digits with a blank between"),
        pytest.param(b"123", [b"123", b"313233"], id="an odd number of digits"),
        pytest.param(b"", [b""], id="nothing"),
        pytest.param(b"x" * 129, [b"x" * 129], id="too long"),
    ],
)
def test_a_password_is_tried_in_all_forms_of_its_key(password: bytes, forms: list[bytes]) -> None:
    assert forms_of(password) == forms
