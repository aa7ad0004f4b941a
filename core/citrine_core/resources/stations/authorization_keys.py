"""What a station of OCPP 1.6 means by its password: the AuthorizationKey as bytes, or their hexadecimal text.

The key is set as hexadecimal text (OCPP-J 1.6, 6.2.2). Some stations then log in with the bytes that it stands for, and
some with the text itself; and what is registered here may be either too.
"""

from binascii import unhexlify

__all__ = ["forms_of"]

_LONGEST = 128
"""Bytes of the longest password of which other forms are tried."""


def forms_of(password: bytes) -> list[bytes]:
    """Return a password as it came, and the other forms of the key that it may be, in the order to try them."""
    if not 0 < len(password) <= _LONGEST:
        return [password]
    try:
        key, text = unhexlify(password), password.decode()
    except ValueError:
        key, text = password, password.hex()
    return list(dict.fromkeys([password, key, text.lower().encode(), text.upper().encode()]))
