"""The cipher that the settings of a core name."""

from urllib.parse import urlsplit

from citrine_core.clock import Clock, utc_now
from citrine_core.config import CoreSettings
from citrine_core.encryption.aes_gcm import AesGcmCipher
from citrine_core.encryption.cipher import Cipher, NoCipher
from citrine_core.encryption.key_file import KeyFile
from citrine_process.addresses import is_loopback
from citrine_process.settings import InvalidSetting

__all__ = ["cipher_of"]


def cipher_of(settings: CoreSettings, clock: Clock = utc_now) -> Cipher:
    """Return the cipher: a key service if there is one, else the keys of a file, else one that encrypts nothing.

    Raises:
        InvalidSetting: When the token of the key service would go to another machine without TLS.
    """
    file = settings.encryption_key_file
    files = NoCipher() if file is None else AesGcmCipher(KeyFile(file), clock)
    if not settings.encryption_key_url:
        return files
    parts = urlsplit(settings.encryption_key_url)
    if parts.scheme != "https" and not is_loopback(parts.hostname or ""):
        raise InvalidSetting("encryption_key_url: must be of https, for it is on another machine")
    # Imported only where it is configured: the import takes time and memory.
    from citrine_core.encryption.transit import TransitCipher, TransitKey

    key = TransitKey(settings.encryption_key_url, settings.encryption_token_file, settings.encryption_trust_file)
    return TransitCipher(key, files)
