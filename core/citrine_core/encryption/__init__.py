"""Encryption of secrets that are stored because they must be sent later, by keys from a file or of a key service."""

from citrine_core.encryption.aes_gcm import AesGcmCipher
from citrine_core.encryption.choice import cipher_of
from citrine_core.encryption.cipher import Cipher, NoCipher, SecretUnreadable
from citrine_core.encryption.jobs import Reencryption
from citrine_core.encryption.key_file import KeyFile, KeyFileError
from citrine_core.encryption.repository import SecretColumn, SecretRepository, StoredSecret

__all__ = [
    "AesGcmCipher",
    "Cipher",
    "KeyFile",
    "KeyFileError",
    "NoCipher",
    "Reencryption",
    "SecretColumn",
    "SecretRepository",
    "SecretUnreadable",
    "StoredSecret",
    "cipher_of",
]
