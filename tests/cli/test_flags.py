"""The verbs' files: no verb imports another one, and a flag that several of them have is defined once."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

from harness.cli import main

CLI = Path(main.__file__).parent
SWEEPS = CLI.parent / "sweeps"
SHARED = {"--set", "--tracking-uri", "--sweep", "--json", "--quiet"}


def test_no_verb_imports_another_verb():
    verbs = {verb.__name__ for verb in main.VERBS}
    assert verbs == {f"harness.cli.{file.stem}" for file in CLI.glob("[!_]*.py")} - {"harness.cli.main"}
    found = [
        f"{file.name} imports {module}"
        for file in CLI.glob("*.py")
        if file.stem != "main"
        for module in _imported(file)
        if module in verbs
    ]
    assert found == []


def test_a_flag_that_several_verbs_have_is_defined_once():
    files = [*CLI.glob("*.py"), *SWEEPS.glob("*.py")]
    calls = [node for file in files for node in ast.walk(ast.parse(file.read_text())) if _adds(node)]
    flags = Counter(arg.value for call in calls for arg in call.args if isinstance(arg, ast.Constant))
    assert {flag: flags[flag] for flag in SHARED} == dict.fromkeys(SHARED, 1)


def _adds(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "add_argument"


def _imported(file: Path) -> set[str]:
    nodes = [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.ImportFrom)]
    return {node.module for node in nodes} | {f"{node.module}.{alias.name}" for node in nodes for alias in node.names}
