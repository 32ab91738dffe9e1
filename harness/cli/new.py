"""`harness new arch NAME`: writes a working file with marked parts to change, its test and, if asked, a package.

`harness new study NAME` writes a study, which is one file.
"""

from __future__ import annotations

import argparse
import importlib.util
import keyword
import re
import sys
from importlib import resources
from pathlib import Path
from typing import Any

from harness.discovery import registry
from harness.errors import UsageError
from harness.studies.reading import NAME, NAME_RULE

_KINDS: dict[str, registry.Kind] = {"arch": "architecture", "task": "task"}
_STUDY = "study"
_WRITTEN = {"arch": ("my_cell", "MyCell"), "task": ("my_task", "MyTask")}  # the names inside the templates
_NEXT = {
    "arch": "harness run --arch {plugin},lstm --task first_token --length 10,50 --params 10k --steps 1000 --seeds 6",
    "task": "harness run --arch rnn,lstm --task {plugin} --length 5,10 --params 10k --steps 1000 --seeds 6",
}


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "new",
        help="write a file for a new architecture, task or study",
        description="Writes a file that works as it is, with the parts to change marked, and its test "
        "(a study has none). No file is overwritten.",
        epilog="examples:\n  harness new arch my_cell             # my_cell.py and test_my_cell.py\n"
        "  harness new task my_task\n"
        "  harness new arch my_cell --package   # a folder my_cell that pip can install\n"
        "  harness new study my_hypothesis      # my_hypothesis.toml",
    )
    parser.add_argument("kind", choices=[*_KINDS, _STUDY], metavar="arch|task|study")
    parser.add_argument("name", help="its name on the command line, such as my_cell")
    parser.add_argument(
        "--package", action="store_true", help="write an installable package with an entry point and CI"
    )
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    kind, name = arguments.kind, arguments.name
    if kind == _STUDY:
        return _write_study(name, arguments.package)
    _refuse(kind, name)
    files = _package(kind, name) if arguments.package else _loose(kind, name)
    _write(files, [name] if arguments.package else [], _next_lines(kind, name, arguments.package))
    return 0


def _write(files: dict[str, str], folders: list[str], next_lines: list[str]) -> None:
    """Writes the files; UsageError where one of them, or a folder for them, is there already."""
    there = [path for path in [*files, *folders] if Path(path).exists()]
    if there:
        raise UsageError(f"{' and '.join(there)} exists already, and no file is overwritten: use another name.")
    for path, text in files.items():
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        Path(path).write_text(text)
    print(f"wrote {', '.join(files)}\n\nnext:")
    print("\n".join(f"  {line}" for line in next_lines))


def _write_study(name: str, package: bool) -> int:
    if package:
        raise UsageError("A study is one file: leave out --package.")
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} cannot be the name of a study: {NAME_RULE}, such as my_hypothesis.")
    path = f"{name}.toml"
    lines = [f"harness study check ./{path}", f"harness study run ./{path}", f"harness study report ./{path} --open"]
    _write({path: _template("study.toml").replace("my_study", name)}, [], lines)
    return 0


def _refuse(kind: str, name: str) -> None:
    """Raises UsageError for an invalid name, and for one that is taken."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        rule = "a name has small letters, digits and underscores, begins with a letter, and is not a Python keyword"
        raise UsageError(f"{name!r} cannot be the name of a module: {rule}, such as my_cell.")
    for taken in ("architecture", "task"):
        if name in registry.names(taken):
            raise UsageError(f"{name!r} is taken: `harness list` shows the {taken} of that name. Use another name.")
    if name in sys.stdlib_module_names or _is_installed(name):
        raise UsageError(f"{name!r} is taken: Python imports another module by that name. Use another name.")
    around = _template(f"{_KINDS[kind]}.py").replace(_WRITTEN[kind][1], "")
    if re.search(rf"\b{_class_name(name)}\b", around):
        raise UsageError(f"{name!r} is taken: the file uses {_class_name(name)} for something else. Use another name.")


def _is_installed(name: str) -> bool:
    found = importlib.util.find_spec(name)
    return found is not None and found.origin is not None and Path(found.origin).parent != Path.cwd()


def _class_name(name: str) -> str:
    return "".join(part.capitalize() for part in name.split("_"))


def _template(file: str) -> str:
    return resources.files("harness.cli").joinpath("templates", file).read_text()


def _filled(file: str, kind: str, name: str) -> str:
    module, cls = _WRITTEN[kind]
    return _template(file).replace(cls, _class_name(name)).replace(module, name)


def _loose(kind: str, name: str) -> dict[str, str]:
    file = f"{_KINDS[kind]}.py"
    return {f"{name}.py": _filled(file, kind, name), f"test_{name}.py": _filled(f"test_{file}", kind, name)}


def _package(kind: str, name: str) -> dict[str, str]:
    """The same two files inside a package, with pyproject.toml, README and a CI workflow."""
    module, cls = _KINDS[kind], _class_name(name)
    test = _filled(f"test_{module}.py", kind, name).replace(f"from {name} import", f"from {name}.{module} import")
    replaced = {"my_plugin": name, "my-plugin": name.replace("_", "-"), "MyPlugin": cls, "KIND": module}
    replaced["NEXT"] = _NEXT[kind].format(plugin=name)
    around = {"pyproject.toml": "toml", "README.md": "md", ".github/workflows/test.yml": "yml"}
    files = {path: _template(f"package.{ending}") for path, ending in around.items()}
    for old, new in replaced.items():
        files = {path: text.replace(old, new) for path, text in files.items()}
    files[f"{name}/__init__.py"] = f'"""{cls} for `harness`."""\n'
    files[f"{name}/{module}.py"] = _filled(f"{module}.py", kind, name)
    files[f"tests/test_{module}.py"] = test
    return {f"{name}/{path}": text for path, text in files.items()}


def _next_lines(kind: str, name: str, package: bool) -> list[str]:
    if package:
        install = [f"cd {name}", "pip install -e '.[test]'"]
        return [*install, f"harness check {name}", "python -m pytest", _NEXT[kind].format(plugin=name)]
    file = f"./{name}.py"
    return [f"harness check {file}", f"python -m pytest test_{name}.py", _NEXT[kind].format(plugin=file)]
