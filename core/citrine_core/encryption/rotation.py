"""Adds a key that encrypts stored secrets: `citrine db rotate-key`."""

import sys
from collections.abc import Collection, Mapping, Sequence
from datetime import timedelta

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from citrine_core.clock import utc_now
from citrine_core.config import CoreSettings
from citrine_core.encryption.key_file import KeyFile, KeyFileError
from citrine_process.flags import FlagParser
from citrine_process.settings import Duration, InvalidSetting, descriptions, from_environment

__all__ = ["main"]

_FILE = "encryption_key_file"


class _Rotation(BaseModel):
    """What a rotation may be told besides the file."""

    model_config = ConfigDict(frozen=True)

    rotation_delay: Duration = Field(default=timedelta(0), ge=timedelta(0))
    """Time after which the new key begins to encrypt: long enough to copy the file to all hosts of cores."""


def main(argv: Sequence[str]) -> int:
    """Add a key to the file of --encryption-key-file or CITRINE_ENCRYPTION_KEY_FILE.

    Cores notice it within a minute, and encrypt what is stored anew. The keys before stay in the file.

    Returns:
        0 when it was added, 1 when the file can't be used, 2 for wrong flags or settings.
    """
    parser = FlagParser(
        "citrine db rotate-key", "Have another key encrypt the secrets that are stored.", InvalidSetting
    )
    parser.add_settings(
        {_FILE: CoreSettings.model_fields[_FILE], **_Rotation.model_fields},
        {_FILE: descriptions(CoreSettings)[_FILE], **descriptions(_Rotation)},
        {"rotation_delay": ["--delay"]},
    )
    try:
        given = {**from_environment([_FILE, *_Rotation.model_fields]), **vars(parser.parse_args(argv))}
        settings = CoreSettings.model_validate(_named(given, [_FILE]))
        rotation = _Rotation.model_validate(_named(given, _Rotation.model_fields))
        if settings.encryption_key_file is None:
            raise InvalidSetting("set CITRINE_ENCRYPTION_KEY_FILE, or --encryption-key-file")
    except SystemExit as stop:
        return int(stop.code or 0)
    except InvalidSetting as error:
        sys.stderr.write(f"citrine db rotate-key: {error}\n")
        return 2
    except ValidationError as error:
        first = error.errors()[0]
        sys.stderr.write(f"citrine db rotate-key: {'.'.join(map(str, first['loc']))}: {first['msg']}\n")
        return 2
    try:
        key = KeyFile(settings.encryption_key_file).rotate(utc_now() + rotation.rotation_delay)
    except KeyFileError as error:
        sys.stderr.write(f"citrine db rotate-key: {error}\n")
        return 1
    begins = f"{key.since:%Y-%m-%d %H:%M:%S} UTC"
    sys.stdout.write(f"key {key.key_id} was added to {settings.encryption_key_file} and encrypts from {begins}\n")
    return 0


def _named(given: Mapping[str, object], names: Collection[str]) -> dict[str, object]:
    return {name: value for name, value in given.items() if name in names}
