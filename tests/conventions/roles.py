"""The page of roles and scopes, written from the code and the contract."""

from collections import defaultdict
from pathlib import Path

from citrine_core.rpc.access import rule_of
from citrine_core.rpc.roles import ALL_SCOPES, INCLUDED, ROLES, Role, allowed
from tests.support.contract import services

__all__ = ["DOCUMENT", "page", "rpcs_by_scope"]

DOCUMENT = Path(__file__).parents[2] / "docs" / "roles.md"

_HEAD = """# Roles and scopes

What a caller may do follows from its scopes: each rpc needs one. A key has roles, scopes or both (`citrine key add NAME
--role roaming`); the setting `oidc_roles` says what roles of an OpenID Connect provider give ([security](security.md)).
A role has the scopes of the release that runs, also for keys that are older. `make docs` writes this page from the code
and the contract.

A scope is block and verb: `read` shows what there is, `write` changes what Citrine has, `send` has a station do or say
something; requests of remote control have verbs of their own. `*` is everything of the tenant, and what concerns all
tenants needs an operator's key besides. `events:read` shows the events of all blocks; with meter values
(`include_samples`) a subscription needs `metervalues:read` as well.

`CommandsService.CallStation` needs `calls:send`, and the scope of the rpc that sends the same action; for an action
that no other rpc sends, and for what is sent as it is (`native`), `calls:native`.

## Roles

"""


def page() -> str:
    """Return the page as it should be."""
    roles = "".join(f"| {role.name} | {role.description} |\n" for role in ROLES.values())
    scopes = "".join(
        f"| `{scope}` | {' | '.join(_mark(role, scope) for role in ROLES.values())} | {', '.join(sorted(rpcs))} |\n"
        for scope, rpcs in sorted(rpcs_by_scope().items())
    )
    included = "".join(f"| `{name}` | {_listed(scopes)} |\n" for name, scopes in INCLUDED.items())
    return (
        f"{_HEAD}| role | for |\n|---|---|\n{roles}\n## Scopes\n\n"
        f"| scope | {' | '.join(ROLES)} | rpcs |\n|---|{':-:|' * len(ROLES)}---|\n{scopes}\n"
        "## Scopes that include others\n\nWhat was one scope before it was divided includes its parts: keys and tokens "
        f"that have it can do what they could.\n\n| scope | includes |\n|---|---|\n{included}"
    )


def rpcs_by_scope() -> dict[str, list[str]]:
    """Return the rpcs of the contract by the scope that they need."""
    found = defaultdict(list)
    for service in services():
        for method in service.methods:
            rule = rule_of(f"/{service.full_name}/{method.name}")
            for scope in (rule.scope, *rule.also) if rule is not None and rule.scope else ():
                found[scope].append(method.name)
    return found


def _mark(role: Role, scope: str) -> str:
    given = allowed(role.scopes)
    return "x" if scope in given or ALL_SCOPES in given else ""


def _listed(scopes: frozenset[str]) -> str:
    return ", ".join(f"`{scope}`" for scope in sorted(scopes))
