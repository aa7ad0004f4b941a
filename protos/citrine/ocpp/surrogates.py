"""Surrogate idTags: how tokens that are longer than OCPP 1.6 allows are named to its stations.

A surrogate is a function of the token alone, so that every edge and core finds the same one, and a core knows the token
of an idTag that comes back. It is not secret, and not reversible.
"""

import base64
import hashlib

__all__ = ["ID_TAG_LENGTH", "id_tag_for", "surrogate_of"]

ID_TAG_LENGTH = 20
"""Most characters of an idTag (CiString20Type)."""


def id_tag_for(id_token: str, type_name: str) -> str:
    """Return the idTag of a token: its id where that is short enough, else its surrogate."""
    return id_token if len(id_token) <= ID_TAG_LENGTH else surrogate_of(id_token, type_name)


def surrogate_of(id_token: str, type_name: str) -> str:
    """Return the surrogate of a token: 20 letters and digits.

    Ids and types have no case in OCPP, save letters beyond ASCII; neither have idTags.
    """
    text = "\0".join(each.lower() if each.isascii() else each for each in (type_name, id_token))
    digest = hashlib.sha256(text.encode(errors="surrogatepass")).digest()
    return base64.b32encode(digest).decode()[:ID_TAG_LENGTH]
