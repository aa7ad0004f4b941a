"""Settings of the simulated eMSP, by variable and flag."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from citrine_process import settings

__all__ = ["EmspSettings", "read_settings"]


class EmspSettings(BaseModel):
    """Settings by flag (--emsp-listen) and variable (CITRINE_EMSP_LISTEN); a flag wins."""

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True)

    emsp_listen: str = "127.0.0.1:8091"
    """Host and port for the adapter, and for browsers, who see what it got. Port 0: any free one."""

    emsp_versions_url: str = "http://127.0.0.1:8090/ocpi/versions"
    """Versions of the adapter at which it registers."""

    emsp_token_file: Path = Path("token-a.txt")
    """File with the token A by which it registers, as `citrine ocpi partner add --file` writes it."""

    emsp_state_file: Path = Path("emsp.json")
    """File in which it stores the tokens of its registration. Without it, it registers anew."""

    emsp_version: str = Field(default="2.3.0", pattern="^(2.2.1|2.3.0)$")
    """Version of OCPI that it speaks."""

    emsp_party: str = Field(default="NL-EMS", pattern="^[A-Z]{2}-[A-Z0-9]{3}$")
    """Its country and party."""

    log_level: str = Field(default="INFO", pattern="^(DEBUG|INFO|WARNING|ERROR)$")
    """DEBUG, INFO, WARNING or ERROR."""

    ready_file: Path | None = None
    """File that is written once it has registered: JSON with its address and process id. Unset: none."""


def read_settings(arguments: Sequence[str]) -> EmspSettings:
    """Return the settings of a simulated eMSP.

    Raises:
        InvalidSetting: When one is unknown or invalid.
    """
    return settings.read_settings(
        EmspSettings, "citrine ocpi emsp", "Simulates an eMSP that registers, and shows what it gets.", arguments
    )
