"""The distribution holds what it needs: built from the tree and from its own sdist, installed, and run."""

import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

pytestmark = pytest.mark.timeout(600)

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SOURCES = {
    "citrine": ROOT / "protos/citrine",
    "citrine_cli": ROOT / "clients/cli/citrine_cli",
    "citrine_core": ROOT / "core/citrine_core",
    "citrine_edge": ROOT / "edge/citrine_edge",
    "citrine_process": ROOT / "core/citrine_process",
    "citrine_sdk": ROOT / "clients/sdk/citrine_sdk",
    "citrine_simulator": ROOT / "clients/simulator/citrine_simulator",
    "citrine_console": ROOT / "clients/console/citrine_console",
    "citrine_ocpi": ROOT / "clients/ocpi/citrine_ocpi",
    "citrine_words": ROOT / "clients/words/citrine_words",
}
PACKAGES = sorted(SOURCES)
UNCOPIED = shutil.ignore_patterns(".*", "*_pb2*", "__pycache__", "*.db", "tests", "build", "dist", "node_modules")


def run(*command: str | Path, cwd: Path, **variables: str) -> str:
    done = subprocess.run(
        command,
        cwd=cwd,
        env={**os.environ, "PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", **variables},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def build(tree: Path, *options: str) -> Path:
    run(sys.executable, "-m", "build", "--no-isolation", *options, cwd=tree)
    (wheel,) = (tree / "dist").glob("*.whl")
    return wheel


@pytest.fixture(scope="module")
def from_sdist(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the sdist, with the sdist beside it."""
    tree = tmp_path_factory.mktemp("packaging") / "tree"
    shutil.copytree(ROOT, tree, ignore=UNCOPIED)
    return build(tree)


@pytest.fixture(scope="module")
def from_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel that is built from the tree itself."""
    tree = tmp_path_factory.mktemp("packaging") / "tree"
    shutil.copytree(ROOT, tree, ignore=UNCOPIED)
    return build(tree, "--wheel")


def contents(wheel: Path) -> set[str]:
    return set(zipfile.ZipFile(wheel).namelist())


def test_both_ways_to_a_wheel_give_the_same(from_sdist: Path, from_tree: Path) -> None:
    assert contents(from_sdist) == contents(from_tree)


def test_an_sdist_has_sources_and_no_generated_code(from_sdist: Path) -> None:
    (sdist,) = from_sdist.parent.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}

    assert {"pyproject.toml", "LICENSE", "README.md", "Makefile", "protos/citrine/api/v1/stations.proto"} <= names
    assert [name for name in names if "_pb2" in name] == []


def test_only_versions_of_websockets_that_were_tried_are_allowed() -> None:
    """The edge rests on its protocol without I/O, the load generator on its masks: neither is fixed for ever."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    wanted = [Requirement(text) for extra in ("edge", "simulator") for text in extras[extra]]
    allowed = [each.specifier for each in wanted if each.name == "websockets"]
    tried = metadata.version("websockets")

    assert len(allowed) == 2
    for versions in allowed:
        assert tried in versions
        assert f"{int(tried.partition('.')[0]) + 1}.0" not in versions


@pytest.mark.parametrize("package", PACKAGES)
def test_a_wheel_has_every_module_and_its_types(from_sdist: Path, package: str) -> None:
    names = contents(from_sdist)
    written = {
        f"{package}/{path.relative_to(SOURCES[package]).as_posix()}"
        for path in SOURCES[package].rglob("*.py")
        if "_pb2" not in path.name
    }

    assert written - names == set()
    assert f"{package}/py.typed" in names


def test_a_wheel_has_the_generated_code(from_sdist: Path) -> None:
    protos = [path.relative_to(ROOT / "protos").with_suffix("") for path in (ROOT / "protos").rglob("*.proto")]
    suffixes = ["_pb2.py", "_pb2.pyi", "_pb2_grpc.py", "_pb2_grpc.pyi"]

    assert {f"{proto.as_posix()}{suffix}" for proto in protos for suffix in suffixes} <= contents(from_sdist)


def test_a_wheel_runs(from_sdist: Path, tmp_path: Path) -> None:
    """Installed elsewhere, it finds its processes by entry point and its migrations in itself."""
    site = tmp_path / "site"
    run(sys.executable, "-m", "pip", "install", "--no-deps", "--no-index", "--target", site, from_sdist, cwd=tmp_path)
    command = [sys.executable, "-c", "import sys; from citrine_cli.main import main; sys.exit(main())"]
    url = f"sqlite+aiosqlite:///{tmp_path}/citrine.db"

    where = run(
        sys.executable, "-c", "import citrine_core; print(citrine_core.__file__)", cwd=tmp_path, PYTHONPATH=str(site)
    )
    helped = run(*command, "core", "--help", cwd=tmp_path, PYTHONPATH=str(site))
    run(*command, "db", "upgrade", "--database", url, cwd=tmp_path, PYTHONPATH=str(site))

    assert where.startswith(str(site))
    assert "--grpc-listen" in helped
    assert (tmp_path / "citrine.db").exists()
