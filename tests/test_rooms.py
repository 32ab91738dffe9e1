"""The order of rooms: a room of the core may import those before it, and each library has one room that knows it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

CORE = Path(__file__).resolve().parent.parent / "harness"

ORDER = """
names < errors space task process bench_record search_record inspection_record study_record
< spec architecture finite < record < report discovery < training analysis < run tracking inspection testing
< engines < sweeps bench < tuning studies < api < cli
"""
LEVEL = {room: level for level, rooms in enumerate(ORDER.split("<")) for room in rooms.split()}

WALLS = {
    "mlflow": {"tracking"},
    "optuna": {"tuning"},
    "ray": {"engines"},
    "matplotlib": set(),
    "numpy": {"analysis", "bench", "inspection", "testing"},
    "pandas": {"analysis"},
    "sklearn": {"inspection"},
    "threadpoolctl": {"inspection"},
    "scipy": {"analysis", "bench", "inspection"},
}


def test_every_file_of_the_core_stands_in_a_room_of_the_order():
    rooms = {_room(file) for file in _files()}
    assert rooms <= LEVEL.keys()


def test_a_room_imports_only_rooms_before_it():
    upward = [
        f"harness/{file.relative_to(CORE)}:{line} imports {module}"
        for file in _files()
        for line, module in _imports(file)
        if module.startswith("harness.") and _is_upward(_room(file), module.split(".")[1])
    ]
    assert upward == []


def test_a_library_is_imported_in_its_own_room_only():
    through = {
        f"harness/{file.relative_to(CORE)} imports {module.partition('.')[0]}"
        for file in _files()
        for _, module in _imports(file, run=True)
        if _room(file) not in WALLS.get(module.partition(".")[0], {_room(file)})
    }
    assert through == set()


@pytest.mark.parametrize(("room", "other", "upward"), [("spec", "training", True), ("training", "spec", False)])
def test_an_import_of_a_later_room_is_seen(room, other, upward):
    assert _is_upward(room, other) is upward


def _files() -> list[Path]:
    """All files but the templates, and the front door, which names everything without importing it."""
    return [
        file for file in sorted(CORE.rglob("*.py")) if "templates" not in file.parts and file != CORE / "__init__.py"
    ]


def _room(file: Path) -> str:
    return file.relative_to(CORE).parts[0].removesuffix(".py")


def _is_upward(room: str, other: str) -> bool:
    return room != other and other in LEVEL and LEVEL[other] >= LEVEL.get(room, 0)


def _imports(file: Path, run: bool = False) -> Iterator[tuple[int, str]]:
    """Line and full name of everything that a file imports, at its top or inside a function.

    `run`: without what only a type checker imports.
    """
    tree = ast.parse(file.read_bytes())
    if run:
        tree.body = [node for node in tree.body if not _is_for_type_checkers(node)]
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def _is_for_type_checkers(node: ast.stmt) -> bool:
    return isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
