"""Who may ask what of a table: the package that owns it, and others by its `queries` module."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
CORE = ROOT / "core" / "citrine_core"
NESTED = ("blocks", "resources")
"""Folders whose packages own tables each."""

FREE = {"db"}
"""What is below all of them: it knows tables by the metadata, and none by its subject."""


def package_of(path: Path) -> str:
    """Return the package that a module belongs to as an owner of tables, e.g. "blocks.reservation"."""
    parts = path.relative_to(CORE).parts
    return ".".join(parts[:2]) if parts[0] in NESTED else Path(parts[0]).stem


MODULES = [path for path in sorted(CORE.rglob("*.py")) if package_of(path) not in FREE]


def parse(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


@cache
def owners() -> tuple[dict[str, str], dict[str, str]]:
    """Return the owner of each model class and of each table name."""
    classes, tables = {}, {}
    for path in MODULES:
        for node in parse(path).body if path.name == "models.py" else ():
            if isinstance(node, ast.ClassDef):
                classes[node.name] = package_of(path)
                for statement in node.body:
                    if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__tablename__":
                        tables[ast.literal_eval(statement.value)] = package_of(path)
    return classes, tables


def evaluated(tree: ast.AST) -> Iterator[ast.expr]:
    """Yield the expressions of a module that are not types, and not what is called.

    Annotations and what stands in brackets are left out; who calls a model makes a row for its owner to store.
    """
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.expr):
            yield node
        for name, value in ast.iter_fields(node):
            if name in ("annotation", "returns") or (isinstance(node, ast.Subscript) and name == "slice"):
                continue
            if isinstance(node, ast.Call) and name == "func" and isinstance(value, ast.Name):
                continue
            stack += [child for child in (value if isinstance(value, list) else [value]) if isinstance(child, ast.AST)]


def imported_models(tree: ast.Module) -> dict[str, str]:
    """Return the models of the core that a module imports, by the name that it gives them: their owners."""
    classes, _ = owners()
    return {
        alias.asname or alias.name: classes[alias.name]
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("citrine_core")
        for alias in node.names
        if alias.name in classes
    }


def is_by_name(node: ast.expr) -> bool:
    """Return whether an expression is `….metadata.tables[…]`."""
    return isinstance(node, ast.Subscript) and ast.unparse(node.value).endswith("metadata.tables")


def foreign(path: Path) -> Iterator[str]:
    """Yield each line of a module that has a table of another package."""
    tree, (_, tables) = parse(path), owners()
    package, models = package_of(path), imported_models(tree)
    for node in evaluated(tree):
        if is_by_name(node):
            assert isinstance(node, ast.Subscript)
            name = str(node.slice.value) if isinstance(node.slice, ast.Constant) else None
            if name is not None and tables.get(name, package) != package:
                yield f"line {node.lineno}: table {name} belongs to {tables[name]}"
            elif name is None and "__tablename__" not in ast.unparse(node.slice):
                yield f"line {node.lineno}: a table by a name that can't be checked"
        elif isinstance(node, ast.Name) and models.get(node.id, package) != package:
            yield f"line {node.lineno}: model {node.id} belongs to {models[node.id]}"


def test_queries_into_a_table_stand_in_the_package_that_owns_it() -> None:
    """Another package may name a model as a type, and neither select from it nor write to it."""
    assert [f"{path.relative_to(CORE)} {line}" for path in MODULES for line in foreign(path)] == []


def test_each_package_can_be_imported_first() -> None:
    """Who asks another package for its queries must not need it whole."""
    packages = sorted({f"citrine_core.{package_of(path)}" for path in MODULES if path.parent.parent.name in NESTED})
    script = (
        "import importlib, sys\n"
        f"for name in {packages!r}:\n"
        "    for module in [one for one in sys.modules if one.startswith('citrine_core')]:\n"
        "        del sys.modules[module]\n"
        "    importlib.import_module(name)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
