"""Settings about tokens that have no meaning are refused."""

from typing import Any

import pytest

from citrine_core.config import CoreSettings
from citrine_core.oidc import TokenRules
from citrine_process.settings import InvalidSetting

GOOD: dict[str, Any] = {"oidc_issuer": "https://id.example/realm", "oidc_audience": "citrine"}


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        pytest.param({"oidc_audience": ""}, "oidc_audience", id="no audience"),
        pytest.param({"oidc_issuer": "http://id.example"}, "oidc_issuer", id="not by TLS"),
        pytest.param({"oidc_jwks_url": "file:///etc/passwd"}, "oidc_jwks_url", id="file"),
        pytest.param({"oidc_algorithms": "RS256 HS256"}, "oidc_algorithms", id="shared secret"),
        pytest.param({"oidc_algorithms": "none"}, "oidc_algorithms", id="no signature"),
        pytest.param({"oidc_roles": "admin"}, "oidc_roles", id="role without scopes"),
        pytest.param({"oidc_roles": "chief=stations:read boss"}, "boss is no scope and no role", id="no such role"),
    ],
)
def test_setting_without_meaning_is_named(settings: dict[str, Any], reason: str) -> None:
    with pytest.raises(InvalidSetting, match=reason):
        TokenRules.of(CoreSettings(**{**GOOD, **settings}))


def test_without_an_issuer_there_are_no_rules() -> None:
    assert TokenRules.of(CoreSettings()) is None


def test_roles_have_the_scopes_that_the_setting_gives() -> None:
    rules = TokenRules.of(
        CoreSettings(
            **GOOD,
            oidc_roles=" viewer = stations:read events:read billing;admin=*;",
        )
    )

    assert rules is not None
    assert rules.scopes_of(frozenset({"viewer", "nobody"})) == {"stations:read", "events:read"}
    assert rules.granted_roles(frozenset({"viewer", "admin", "operator"})) == {"billing"}
    assert rules.scopes_of(frozenset({"admin"})) == {"*"}


def test_no_role_of_a_provider_is_one_of_ours_by_its_name() -> None:
    rules = TokenRules.of(CoreSettings(**GOOD))

    assert rules is not None
    assert rules.scopes_of(frozenset({"admin", "stations:read"})) == {"stations:read"}
    assert rules.granted_roles(frozenset({"admin", "stations:read"})) == set()
