"""What style alone can't hold: the habits of docs and code that a tool can check."""

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.descriptor import MethodDescriptor

from citrine.api.v1 import access_pb2
from citrine_sdk import SERVICES

ROOT = Path(__file__).parents[2]

IMPORT_ROOTS = [
    ROOT / "protos",
    ROOT / "core",
    ROOT / "edge",
    ROOT / "clients/sdk",
    ROOT / "clients/cli",
    ROOT / "clients/simulator",
    ROOT / "clients/console",
    ROOT / "clients/ocpi",
]

BLOCK_FILES = {"__init__.py", "models.py", "repository.py", "queries.py", "handlers.py", "servicer.py"}
"""Files of a functional block; another one needs a reason here."""

BLOCK_EXTRAS: dict[str, set[str]] = {
    # Updates and publications have a life of their own each; campaigns are a package with the usual files. What is
    # verified of signed firmware is decided in a module that certificates alone are read by.
    "firmware_management": {
        *("checks.py", "protos.py", "publications.py", "requests.py", "jobs.py", "updates.py"),
        *("signatures.py", "verification.py"),
    },
    # One subject of the block each: what stations say of logs and of monitors, and what the API shows.
    "diagnostics": {"alerts.py", "logs.py", "monitoring.py", "protos.py"},
    # Pure rules, tested by tables, that neither a handler nor a repository should hide.
    "authorization": {"authorizer.py", "contracts.py", "decisions.py", "directory.py", "rules.py", "untyped_tokens.py"},
    "availability": {"jobs.py", "statuses.py", "wanted_availability.py"},
    # What lists are sent as, and the sending that rpcs and the job share.
    "local_auth_list": {"jobs.py", "messages.py"},
    "meter_values": {"readings.py", "sampled_values.py", "units.py"},
    "provisioning": {"boots.py", "jobs.py", "message_splitting.py", "reports.py", "variables.py"},
    "remote_control": {"starts.py"},
    # CA certificates, checked; who is asked of certificates and contracts; what becomes of the record.
    "certificates": {"checks.py", "contract_pool.py", "inquirer.py", "record.py"},
    # What is found in messages of any block.
    "data_transfer": {"custom.py"},
    # What the core does by itself; every change of a state, which is told; what is asked for, checked.
    "display_message": {"jobs.py", "record.py"},
    "reservation": {"implied_uses.py", "jobs.py", "record.py", "requests.py", "states.py"},
    "smart_charging": {
        # Pure, tested by tables: the rules of K01, curves of limits, the planner.
        *("checks.py", "conflicts.py", "planner.py", "schedules.py"),
        # What becomes of profiles, and of exchanges with vehicles.
        *("answers.py", "jobs.py", "profile_setter.py", "protos.py", "reconcile.py", "records.py"),
        *("station_snapshot.py", "throttles.py"),
        # One of what each list shows, apart from the rpcs that ask stations.
        "record_rpcs.py",
    },
    "tariff_and_cost": {
        # The engine, pure and tested by tables: what a tariff says, what a transaction took, what that costs.
        *("accrual.py", "calculation.py", "components.py", "energy_flow.py", "money.py", "rules.py", "taxes.py"),
        # Which tariff applies to whom, what operators may write, what a usage would cost, what drivers are told.
        *(
            "assignment_requests.py",
            "assignments.py",
            "change_events.py",
            "definitions.py",
            "preview.py",
            "protos.py",
            "jobs.py",
            "texts.py",
        ),
    },
    "transactions": {
        # What a batch brings, how it is folded, and what of it is folded a little later.
        *("batch.py", "batch_fold.py", "deferrals.py", "event_fold.py"),
        "clock_rule.py",
        "evse_energy.py",
        "fold.py",
        "other_energy.py",
        "energy_count.py",
        "known_costs.py",
        "late_events.py",
        "reading_fold.py",
        "refolds.py",
        "register_memory.py",
        "register_model.py",
        "register_readings.py",
        "lives.py",
        "pricing_batch.py",
        "pricing_input.py",
        "protos.py",
        "reported_ids.py",
        "remote_starts.py",
        "settled_states.py",
        "summaries.py",
        "token_hints.py",
        "targets.py",
    },
}
"""More files of a block, by its name."""

SCOPE = re.compile(r"[a-z]+:(read|write|send)|remotecontrol:(start|stop|trigger|unlock)|calls:native")

LONGEST_FILE = 400

LONGER_FILES = {
    # One subject each, and none that can be cut: they may only shrink.
    "edge/citrine_edge/session.py": 480,
    "protos/citrine/ocpp/codec.py": 600,
    "protos/generate_ocpp.py": 630,
}

OTHER_CLOCKS = {
    # The load generator stamps what it sends, as cheaply as it can.
    "clients/simulator/citrine_simulator/load/wording.py",
}

OTHER_ENVIRONMENT = {
    "core/citrine_process/settings.py",
    # Tells an empty key from none, which typer does not.
    "clients/cli/citrine_cli/app.py",
    # Likewise an empty address.
    "clients/cli/citrine_cli/up/command.py",
    # Sets a variable for gRPC before it is loaded.
    "clients/cli/citrine_cli/main.py",
    # Hands it on to the processes it starts.
    "clients/cli/citrine_cli/up/supervisor.py",
}

OTHER_IDS = {
    # The edge has no ids of its own but these: its process, and a message id where a command's does not fit.
    "edge/citrine_edge/app.py",
    "edge/citrine_edge/commands.py",
}


def _generated(path: Path) -> bool:
    return path.stem.endswith(("_pb2", "_pb2_grpc"))


def sources(*places: str) -> list[Path]:
    """Return our own modules below places of the repository."""
    return sorted(
        path
        for place in places
        for path in (ROOT / place).rglob("*.py")
        if not _generated(path) and "__pycache__" not in path.parts
    )


MODULES = sources("protos", "core", "edge", "clients")


def name_of(path: Path) -> str:
    return str(path.relative_to(ROOT))


def lines_with(pattern: str, paths: list[Path]) -> Iterator[tuple[str, str]]:
    """Yield the place of each line of code that a pattern is found in, and the line; comments do not count."""
    wanted = re.compile(pattern)
    for path in paths:
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
            if wanted.search(line.split("  #")[0]) and not line.lstrip().startswith("#"):
                yield f"{name_of(path)}:{number}", line.strip()


def files_with(pattern: str, paths: list[Path]) -> set[str]:
    return {place.rpartition(":")[0] for place, _ in lines_with(pattern, paths)}


def _lacks(path: Path) -> str:
    """Return what a module lacks of what each one has; empty if nothing."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    if not ast.get_docstring(tree):
        return "a docstring that says what it is for"
    if path.name.startswith("0") or "versions" in path.parts:
        return ""  # A migration is a script, read by Alembic alone.
    targets = {
        target.id
        for node in tree.body
        if isinstance(node, ast.Assign | ast.AnnAssign)
        for target in (node.targets if isinstance(node, ast.Assign) else [node.target])
        if isinstance(target, ast.Name)
    }
    return "" if "__all__" in targets else "__all__"


def test_a_module_has_a_docstring_and_says_what_is_public() -> None:
    assert {name_of(path): lacks for path in MODULES if (lacks := _lacks(path))} == {}


def _importable() -> Iterator[str]:
    for path in MODULES:
        for root in IMPORT_ROOTS:
            imported = path.stem != "__main__" and path.parent != root and "migrations" not in path.parts
            if path.is_relative_to(root) and imported:
                parts = path.relative_to(root).with_suffix("").parts
                yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def test_a_module_has_what_it_says_is_public() -> None:
    modules = [importlib.import_module(name) for name in _importable()]

    assert [f"{one.__name__}.{name}" for one in modules for name in one.__all__ if not hasattr(one, name)] == []


def test_files_have_one_subject() -> None:
    paths = [path for path in MODULES if "versions" not in path.parts]
    lengths = {name_of(path): len(path.read_text(encoding="utf-8").splitlines()) for path in paths}

    assert {name: length for name, length in lengths.items() if length > LONGER_FILES.get(name, LONGEST_FILE)} == {}


def test_one_file_of_the_core_turns_errors_into_statuses() -> None:
    assert len(files_with(r"context\.abort|abort_with_status", sources("core"))) <= 1


def test_the_wall_clock_is_read_in_clock_modules_only() -> None:
    found = files_with(r"datetime\.(now|utcnow|today)\(|\btime\.time\(", MODULES)

    assert {name for name in found if not name.endswith("/clock.py")} <= OTHER_CLOCKS


def test_random_ids_are_made_in_ids_modules_only() -> None:
    found = files_with(r"\buuid[47]\(", MODULES)

    assert {name for name in found if not name.endswith("/ids.py")} <= OTHER_IDS


def test_the_environment_is_read_in_settings_only() -> None:
    found = files_with(r"os\.(environ|getenv)", MODULES)

    assert {name for name in found if not name.endswith("/config.py")} <= OTHER_ENVIRONMENT


def test_queries_live_in_repositories() -> None:
    found = files_with(r"(?<![\w.])(select|insert|update|delete)\((?!\))", sources("core/citrine_core/blocks"))

    assert {name for name in found if not name.endswith(("/repository.py", "/queries.py"))} == set()


def test_one_place_knows_which_database_it_is() -> None:
    found = files_with(r"dialect\.name|get_backend_name|compiles\([^)]*, ", sources("core/citrine_core"))

    assert {name for name in found if "/db/databases/" not in name and "/db/migrations/" not in name} == set()


def test_rows_are_written_in_two_ways() -> None:
    """By session.add, or by the statements of db/bulk.py."""
    found = files_with(
        r"\b(insert|upsert|insert_or_ignore|session\.add_all)\(|bulk_\w+_mappings", sources("core/citrine_core")
    )

    assert {name for name in found if "/db/" not in name} == set()


def test_servicers_and_handlers_write_no_sql() -> None:
    imports = files_with(r"^from sqlalchemy (?!import Row$)|^import sqlalchemy", sources("core/citrine_core"))

    assert {name for name in imports if name.endswith(("/servicer.py", "/handlers.py"))} == set()


def test_blocks_have_the_same_files() -> None:
    blocks = [path for path in (ROOT / "core/citrine_core/blocks").iterdir() if (path / "__init__.py").exists()]
    others = {
        block.name: {path.name for path in block.glob("*.py")} - BLOCK_FILES - BLOCK_EXTRAS.get(block.name, set())
        for block in blocks
    }

    assert {name: files for name, files in others.items() if files} == {}


def test_one_word_stands_for_one_thing() -> None:
    """The words of the glossary: station, not charger; id token, not tag. 1.6 has its own in its own dialect.

    What a token is called there is computed by one module, `citrine.ocpp.id_tags`. Locations have the words of OCPI,
    and so has the adapter.
    """
    other = {"v16", "locations", "citrine_ocpi"}
    paths = [path for path in MODULES if other.isdisjoint(path.parts) and path.name != "id_tags.py"]
    # SignChargePointCertificate is a trigger of 1.6, which the registration of a station has to know.
    id_tag = r"(?<!max_)id_tag(?!s\b|_of\b)"
    words = rf"(?i)\bcharger(?!ecord)|charge_?point(?!Certificate)|charge ?box|rfid|{id_tag}|session_id|message_uuid"

    assert list(lines_with(words, paths)) == []


@pytest.mark.parametrize(
    "method",
    [method for service in SERVICES.values() for method in service.methods],
    ids=lambda method: f"{method.containing_service.name}.{method.name}",
)
def test_an_rpc_says_who_may_call_it(method: MethodDescriptor) -> None:
    options = method.GetOptions()

    assert options.HasExtension(access_pb2.access)
    access = options.Extensions[access_pb2.access]
    assert access.any_caller if not access.scope else SCOPE.fullmatch(access.scope)


def test_links_of_the_documentation_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]
    links = [
        (str(document.relative_to(ROOT)), link, (document.parent / link.partition("#")[0]).exists())
        for document in documents
        for link in re.findall(r"\]\(([^)#][^)]*)\)", document.read_text(encoding="utf-8"))
        if "://" not in link
    ]

    assert {"README.md", "docs/architecture.md", "docs/life-of-a-message.md"} <= {place for place, *_ in links}
    assert [(place, link) for place, link, leads in links if not leads] == []
