"""What is installed is what is in the repository: as a wheel, as an editable install, and inside the repository."""

from __future__ import annotations

import ast
import configparser
import importlib.metadata
import importlib.util
import json
import shutil
import site
import tomllib
import venv
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = {
    "harness": "harness",
    "plugins": "harness.plugins",
    "tasks": "harness.tasks",
    "reports": "harness.reports",
    "studies": "harness.study_files",
}
STUDIES = "harness.studies"  # group of entry points that name packages, whose folders hold files
WINGS = {"plugins": "harness.architectures", "tasks": "harness.tasks", "reports": "harness.reports"}
PIP = ("-m", "pip", "--disable-pip-version-check")
OFFLINE = ("-q", "--no-deps", "--no-index")

WHERE = """
import importlib.util, json, sys
print(json.dumps({name: importlib.util.find_spec(name).origin for name in sys.argv[1:]}))
"""
BUILD_EDITABLE = "import sys; from setuptools import build_meta; build_meta.build_editable(sys.argv[1])"

Python = Callable[..., Any]


# The wheel


@pytest.fixture(scope="module")
def tree(made_once: Callable[..., Path]) -> Path:
    """A copy of what is packaged, so that no build leaves anything in the repository."""
    return made_once("tree", _copy_tree)


@pytest.fixture(scope="module")
def wheel(made_once: Callable[..., Path], tree: Path, python: Python) -> Path:
    def build(folder: Path) -> None:
        copy = folder / "copy"  # setuptools builds in the source
        shutil.copytree(tree, copy)
        python(*PIP, "wheel", *OFFLINE, "--no-build-isolation", "--wheel-dir", folder, copy, cwd=folder)

    (file,) = made_once("wheel", build).glob("*.whl")
    return file


def test_the_wheel_holds_every_file_of_the_five_rooms_and_nothing_else(tree, wheel):
    expected = {
        f"{package.replace('.', '/')}/{file.relative_to(tree / room).as_posix()}"
        for room, package in PACKAGES.items()
        for file in (tree / room).rglob("*")
        if file.is_file()
    }
    packed = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    assert sorted(expected - packed) == [], "in the repository, but not in the packages that pyproject.toml lists"
    assert sorted(packed - expected) == [], "in the wheel, but not in the repository"
    assert {"harness/py.typed", "harness/cli/main.py", "harness/plugins/_fused.py"} <= packed


def test_the_wheel_brings_the_command_and_every_entry_point(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = (name for name in archive.namelist() if name.endswith("entry_points.txt"))
        written = configparser.ConfigParser(delimiters=("=",))
        written.optionxform = str  # names as they are written
        written.read_string(archive.read(name).decode())
    assert {(group, *line) for group in written.sections() for line in written.items(group)} == _declared()


# Installed


@pytest.fixture(scope="module")
def elsewhere(made_once: Callable[..., Path], wheel: Path, python: Python) -> Path:
    """A throw-away environment with the wheel in it; what we depend on is taken from this environment."""

    def make(folder: Path) -> None:
        packages = _environment(folder, wheel, python)
        host = [path for path in site.getsitepackages() if Path(path).is_dir()]
        (packages / "host.pth").write_text("\n".join(host))  # .pth files in these folders, as ours, are not read

    return made_once("elsewhere", make)


@pytest.fixture(scope="module")
def editable(made_once: Callable[..., Path], tree: Path, python: Python) -> Path:
    """A throw-away environment into which a copy of the repository, under `copy`, is installed as `pip install -e`."""

    def make(folder: Path) -> None:
        copy = folder / "copy"
        shutil.copytree(tree, copy)
        python("-c", BUILD_EDITABLE, folder, cwd=copy)
        (file,) = folder.glob("*.whl")
        _environment(folder, file, python)

    return made_once("editable", make)


def test_away_from_the_repository_an_installed_wheel_finds_all_five_packages_in_itself(elsewhere, python, tmp_path):
    found = _where(python, elsewhere, tmp_path)
    (packages,) = elsewhere.glob("lib/python*/site-packages")
    assert found == {
        package: str(packages.joinpath(*package.split("."), "__init__.py")) for package in PACKAGES.values()
    }


def test_away_from_the_repository_every_plugin_of_an_installed_wheel_can_be_imported(elsewhere, python, tmp_path):
    command, interpreter = elsewhere / "bin" / "harness", elsewhere / "bin" / "python"
    done = python(command, "list", "--broken", executable=interpreter, cwd=tmp_path)
    assert done.stdout == "Every plugin can be imported.\n"
    rows = json.loads(python(command, "list", "--json", executable=interpreter, cwd=tmp_path).stdout)
    listed = {(f"harness.{row['kind']}s", row["name"]) for row in rows}
    groups = set(WINGS.values())
    assert listed == {(group, name) for group, name, _ in _declared() if group in groups}


def test_an_installed_wheel_used_in_the_repository_finds_the_packages_of_the_repository(elsewhere, python):
    packages = {room: package for room, package in PACKAGES.items() if room != "studies"}
    assert _where(python, elsewhere, REPOSITORY, packages) == {
        package: str(REPOSITORY / room / "__init__.py") for room, package in packages.items()
    }


def test_an_installed_wheel_used_in_the_repository_finds_the_studies_of_the_repository(elsewhere, python):
    script = "from harness.studies.catalogue import shelves; print(*(shelf.folder for shelf in shelves()))"
    done = python("-B", "-c", script, executable=elsewhere / "bin" / "python", cwd=REPOSITORY)
    assert done.stdout.split() == [str(REPOSITORY / "studies")]


@pytest.mark.slow
def test_an_editable_install_finds_all_five_packages_in_the_repository(editable, python, tmp_path):
    assert _where(python, editable, tmp_path) == {
        package: str(editable / "copy" / room / "__init__.py") for room, package in PACKAGES.items()
    }


# Entry points


def test_every_plugin_file_has_an_entry_point_and_every_entry_point_a_file():
    declared = {(group, value.partition(":")[0]) for group, _, value in _declared()}
    for wing, group in WINGS.items():
        names = {file.stem for file in (REPOSITORY / wing).glob("*.py") if not file.stem.startswith("_")}
        modules = {module for its_group, module in declared if its_group == group}
        missing = sorted(name for name in names if f"harness.{wing}.{name}" not in modules)
        assert not missing, f'under [project.entry-points."{group}"] of pyproject.toml write: ' + "; ".join(
            f'{name} = "harness.{wing}.{name}:..."' for name in missing
        )
        gone = sorted(modules - {f"harness.{wing}.{name}" for name in names})
        assert not gone, f"entry points of {group} in pyproject.toml without a file in {wing}/: {', '.join(gone)}"


def test_every_entry_point_names_something_its_file_defines():
    for group, name, value in sorted(_declared()):
        module, _, attribute = value.partition(":")
        if group == STUDIES:
            assert module in PACKAGES.values()
            continue
        wing = module.split(".")[1]
        file = REPOSITORY.joinpath(*module.split(".")[1 if wing in WINGS else 0 :]).with_suffix(".py")
        body = ast.parse(file.read_bytes()).body
        defined = [node.name for node in body if isinstance(node, _DEFINITIONS)]
        assigned = [target for node in body if isinstance(node, ast.Assign) for target in node.targets]
        defined += [target.id for target in assigned if isinstance(target, ast.Name)]
        assert attribute in defined, f"{name} of {group} names {attribute!r}, which {file.name} does not define"


def test_the_installed_entry_points_are_those_of_pyproject():
    entries = importlib.metadata.distribution("rnn-harness").entry_points
    installed = {(entry.group, entry.name, entry.value) for entry in entries}
    again = "; run `pip install -e .` again"
    missing = [f'{group}: {name} = "{value}"' for group, name, value in sorted(_declared() - installed)]
    assert not missing, f"in pyproject.toml, but not installed: {', '.join(missing)}{again}"
    surplus = [f'{group}: {name} = "{value}"' for group, name, value in sorted(installed - _declared())]
    assert not surplus, f"installed, but no longer in pyproject.toml: {', '.join(surplus)}{again}"


# Who imports whom


def test_the_core_imports_no_wing():
    assert _imports_of("harness", forbidden=[*WINGS, *(PACKAGES[wing] for wing in WINGS)]) == []


@pytest.mark.parametrize("wing", sorted(WINGS))
def test_a_wing_imports_no_other_wing(wing):
    others = [other for other in WINGS if other != wing]
    assert _imports_of(wing, forbidden=[*WINGS, *(PACKAGES[other] for other in others)]) == []


def test_tasks_know_nothing_of_the_core_but_their_contracts_and_the_cache_of_files():
    imported = _imports_of("tasks", forbidden=["harness"])
    allowed = tuple(f" imports harness.{room}." for room in ("task", "tasks", "finite", "process.cache"))
    assert [line for line in imported if not any(part in f"{line}." for part in allowed)] == []


def test_reports_know_records_only():
    engine = ("torch", "pytorch_lightning", "mlflow", "optuna")
    rooms = ("engines", "run", "sweeps", "tracking", "training")
    assert _imports_of("reports", forbidden=[*engine, *(f"harness.{room}" for room in rooms)]) == []


def test_imports_are_seen_in_every_form(tmp_path):
    file = tmp_path / "module.py"
    file.write_text(
        "import a.b as c\nfrom d import e\nfrom . import f\nfrom .g import h\nfrom .. import i\n"
        "def inside():\n    import j\n    importlib.import_module('k.l')\n"
    )
    assert {"a.b", "d.e", "top.sub.f", "top.sub.g.h", "top.i", "j", "k.l"} <= set(_imports(file, "top.sub"))


_DEFINITIONS = (ast.ClassDef, ast.FunctionDef)


def _declared() -> set[tuple[str, str, str]]:
    """Group, name and value of every entry point in pyproject.toml."""
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    groups = {**project["entry-points"], "console_scripts": project["scripts"]}
    return {(group, name, value) for group, lines in groups.items() for name, value in lines.items()}


def _copy_tree(folder: Path) -> None:
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(REPOSITORY / name, folder)
    for room in PACKAGES:
        shutil.copytree(
            REPOSITORY / room, folder / room, ignore=shutil.ignore_patterns("__pycache__", ".*", "*.egg-info")
        )


def _environment(folder: Path, wheel: Path, python: Python) -> Path:
    """Makes an environment in `folder` and installs the wheel; returns its site-packages."""
    venv.create(folder, symlinks=True)
    python(*PIP, "--python", folder / "bin" / "python", "install", *OFFLINE, wheel, cwd=folder)
    (packages,) = folder.glob("lib/python*/site-packages")
    return packages


def _where(python: Python, environment: Path, cwd: Path, packages: dict[str, str] = PACKAGES) -> dict[str, str]:
    """The files of the packages, seen from `cwd`."""
    done = python("-B", "-c", WHERE, *packages.values(), executable=environment / "bin" / "python", cwd=cwd)
    return json.loads(done.stdout)


def _imports_of(room: str, forbidden: list[str]) -> list[str]:
    """Every import of one of the `forbidden` modules, or of what is in them, by a file of the room."""
    return [
        f"{file.relative_to(REPOSITORY)} imports {name}"
        for file in sorted((REPOSITORY / room).rglob("*.py"))
        for name in _imports(file, ".".join([PACKAGES[room], *file.parent.relative_to(REPOSITORY / room).parts]))
        if any(f"{name}.".startswith(f"{module}.") for module in forbidden)
    ]


def _imports(file: Path, package: str) -> Iterator[str]:
    """The full names a file imports, at its top or inside, by statement or by import_module("...")."""
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = importlib.util.resolve_name("." * node.level + (node.module or ""), package)
            yield from (f"{base}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "import_module":
            yield from (str(part.value) for part in node.args if isinstance(part, ast.Constant))
