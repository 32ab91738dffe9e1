"""Commands that need no tensors start fast: what is heavy is not imported for them."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

from harness.spec import Planned, SweepSpec
from harness.tracking.sweep_log import recording

HEAVY = ("torch", "pytorch_lightning", "mlflow", "optuna", "numpy", "pandas", "rich", "plotext", "sqlalchemy")
COMMAND = """
import sys
from harness.cli.main import main

code = main(sys.argv[1:])
print("imported:", *sys.modules, file=sys.stderr)
sys.exit(code)
"""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["list", "--json"],
        ["study", "list"],
        ["run", "--help"],
        ["describe", "--help"],
        ["describe", "lstmm"],
    ],
    ids=" ".join,
)
def test_a_command_that_computes_nothing_imports_nothing_heavy(python, tmp_path, arguments):
    done = python("-c", COMMAND, *arguments, cwd=tmp_path, check=False)
    assert done.returncode == (2 if "lstmm" in arguments else 0), done.stderr
    assert heavy(done.stderr.rpartition("imported: ")[2]) == []


def test_a_usage_error_of_run_imports_nothing_heavy(python, tmp_path):
    done = python("-c", COMMAND, "run", "--arch", "lstm", "--task", "copy", "--length", "0", cwd=tmp_path, check=False)
    assert done.returncode == 2
    assert "--length" in done.stderr
    assert heavy(done.stderr.rpartition("imported: ")[2]) == []


@pytest.mark.parametrize(
    "statement", ["import harness", "import harness.testing", "from harness import Float, RunSpec"]
)
def test_importing_the_harness_alone_imports_nothing_heavy(python, tmp_path, statement):
    done = python("-c", f"{statement}\nimport sys; print(*sys.modules)", cwd=tmp_path)
    assert heavy(done.stdout) == []


def test_every_public_name_is_there_when_it_is_asked_for(python, tmp_path):
    script = "import harness; print(len([getattr(harness, name) for name in harness.__all__]), *dir(harness))"
    count, *listed = python("-c", script, cwd=tmp_path).stdout.split()
    assert int(count) >= 10
    assert {"Architecture", "Task", "Batch", "derive_seed"} <= set(listed)


def test_a_name_that_is_not_public_is_an_attribute_error(python, tmp_path):
    done = python("-c", "import harness; harness.Nothing", cwd=tmp_path, check=False)
    assert "AttributeError: module 'harness' has no attribute 'Nothing'" in done.stderr


def heavy(imported: str) -> list[str]:
    modules = set(imported.split())
    assert "harness" in modules
    return [name for name in HEAVY if name in modules]


@pytest.mark.parametrize("package", ["harness", "harness.testing"])
def test_type_checkers_see_every_public_name(package):
    """What is exported lazily at run time is imported under TYPE_CHECKING, so that no public name is Any."""
    module = importlib.import_module(package)
    tree = ast.parse(Path(module.__file__).read_text())
    guarded = [node for node in tree.body if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"]
    seen = {
        alias.asname: (statement.module, alias.name)
        for statement in guarded[0].body
        if isinstance(statement, ast.ImportFrom)
        for alias in statement.names
    }
    assert seen == {name: (f"{package}.{where}", name) for name, where in module._PUBLIC.items()}


READING = """
import sys
from harness.cli.main import command

sys.argv = ["harness", *sys.argv[1:]]
code = command()
print("imported:", *sys.modules, file=sys.stderr)
import pandas, mlflow
sys.exit(code)
"""


@pytest.mark.parametrize("arguments", [["report", "--format", "term"], ["status"], ["runs"], ["sweeps"]], ids=" ".join)
def test_a_command_that_reads_records_imports_neither_torch_nor_pandas(python, tmp_path, arguments, sweep_of_one):
    done = python("-c", READING, *arguments, "--tracking-uri", sweep_of_one, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    assert set(heavy(done.stderr.rpartition("imported: ")[2])) <= {"mlflow", "sqlalchemy", "numpy", "rich", "plotext"}


@pytest.fixture
def sweep_of_one(store, finished):
    """The address of a store with one finished sweep of one run."""
    record = finished()
    planned = [Planned.of(record.spec)]
    with recording(store, "abcd1234", SweepSpec((record.spec.architecture,), (record.spec.task,)), "", planned):
        store.finish(store.start(record.spec, "abcd1234"), record)
    return store.uri
