"""API keys: the credentials of callers, and their scopes."""

from citrine_core.resources.keys.authenticator import KeyAuthenticator
from citrine_core.resources.keys.models import ApiKey
from citrine_core.resources.keys.operator import OperatorKeyFile, has_key
from citrine_core.resources.keys.repository import KeyRepository
from citrine_core.resources.keys.servicer import KeysServicer

__all__ = ["ApiKey", "KeyAuthenticator", "KeyRepository", "KeysServicer", "OperatorKeyFile", "has_key"]
