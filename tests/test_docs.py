"""Every page for strangers: what it says to save is saved, what it says to type is typed, what it shows comes out.

Trainings take a few steps and sequences; `pip install` is the business of `cli/test_new.py`.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from harness.cli.main import main
from harness.studies.reading import read_study
from harness.testing.reference import markdown

from .short_commands import shortened

ROOT = Path(__file__).parent.parent
PAGES = {page.name: page.read_text() for page in (ROOT / "docs").glob("*.md")}
SAVED = {  # the Python blocks of a page, in order
    "new-architecture.md": ["my_cell.py", "forgetful.py"],
    "task.md": ["my_task.py"],
    "kinds-of-tasks.md": [],
    "kinds.md": ["two.py"],
    "extending.md": ["normed.py", "accuracy.py"],
    "recipes.md": ["weights.py"],
    "inspect.md": [],
    "studies.md": [],
    "real.md": ["examples.py"],
}


def blocks(page, language):
    found = re.findall(r"^```(\w*)\n(.*?)^```$", PAGES[page], flags=re.DOTALL | re.MULTILINE)
    return [body for name, body in found if name == language]


def typed(page):
    lines = "".join(blocks(page, "sh")).splitlines()
    return [line.partition(" #")[0].strip() for line in lines if line.strip()]


@pytest.fixture
def research(folder, empty_store, monkeypatch):
    """An empty folder to begin in, with a store; making one takes seconds."""
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    monkeypatch.setenv("COLUMNS", "120")
    return folder


@pytest.mark.parametrize(
    "page",
    [
        pytest.param("new-architecture.md", marks=pytest.mark.slow),
        "task.md",
        "kinds-of-tasks.md",
        "kinds.md",
        "extending.md",
        "recipes.md",
        "inspect.md",
        "studies.md",
        "real.md",
    ],
)
def test_what_a_page_says_works_from_top_to_bottom(page, research, capsys):
    new = [line for line in typed(page) if line.startswith("harness new")]
    for line in new:
        assert main(shlex.split(line)[1:]) == 0
    for name, text in zip(SAVED[page], blocks(page, "python"), strict=True):
        (research / name).write_text(text)
    for line in (line for line in typed(page) if line not in new):
        work(line, research)
    shown = [block for block in blocks(page, "") if block.startswith("architecture ./my_cell.py")]
    said = capsys.readouterr().out
    assert all(block in said for block in shown)


def work(line, research):
    """Types a line of a page, a training made short."""
    program, *arguments = shlex.split(line)
    if program == "python":
        subprocess.run([sys.executable, *arguments], cwd=research, check=True, capture_output=True)
    else:
        assert program == "harness"
        for study in research.glob("*.toml"):
            study.write_text(study.read_text().replace("steps = 400", "steps = 3"))
        assert main(shortened(arguments)) == 0


def test_what_the_page_on_python_shows_runs_from_top_to_bottom(research, python):
    inline = "import functools, harness\n" + "".join(  # workers take seconds to start, five times
        f'harness.{name} = functools.partial(harness.{name}, engine="inline")\n'
        for name in ("run_sweep", "tune", "run_study")
    )
    (research / "page.py").write_text(inline + "\n".join(blocks("python.md", "python")))
    assert "steps back the gradient reaches" in python("page.py", cwd=research).stdout
    assert {"results.html", "results.csv", "tables.tex"} <= {file.name for file in research.iterdir()}


def test_a_broken_promise_looks_as_shown(research, capsys):
    (research / "forgetful.py").write_text(blocks("new-architecture.md", "python")[1])
    assert main(["check", "./forgetful.py"]) == 1
    (shown,) = [block for block in blocks("new-architecture.md", "") if block.startswith("architecture ./forgetful.py")]
    assert without_numbers(capsys.readouterr().out).startswith(without_numbers(shown))


def without_numbers(text):
    """Digits differ from processor to processor, and with them where lines are broken."""
    return " ".join(re.sub(r"\d+\.\d+", "#", text).split())


def test_the_study_shown_is_well_formed(folder):
    path = folder / "shown.toml"
    path.write_text(blocks("studies.md", "toml")[0])
    study = read_study(path)
    assert study.kind == "published"
    assert study.sweeps[""]["arch"] == ["rnn", "lstm"]


def test_the_report_shown_writes_the_accuracy_of_each_run(tmp_path):
    from harness import Record, Results, RunSpec

    page: dict[str, Any] = {}
    exec(blocks("extending.md", "python")[1], page)
    (file,) = page["write"](Results([Record(RunSpec("lstm", "copy", 5, label="lstm"))]), tmp_path)
    assert file.read_text() == "lstm T=5: None\n"


def test_the_package_shown_is_the_package_written(folder):
    (line,) = [line for line in typed("package.md") if line.startswith("harness new")]
    assert main(shlex.split(line)[1:]) == 0
    (tree,) = blocks("package.md", "")
    written = {file.relative_to(folder).as_posix() for file in folder.rglob("*") if file.is_file()}
    assert {row.split()[0] for row in tree.splitlines()} == written
    (toml,) = blocks("package.md", "toml")
    assert toml in (folder / "my_cell" / "pyproject.toml").read_text()
    (steps,) = blocks("package.md", "yaml")
    assert steps in (folder / "my_cell" / ".github" / "workflows" / "test.yml").read_text()
    (test,) = blocks("package.md", "python")
    assert test in (folder / "my_cell" / "tests" / "test_architecture.py").read_text()


def test_ci_of_a_package_is_a_workflow(folder):
    assert main(["new", "task", "my_task", "--package"]) == 0
    workflow = yaml.safe_load((folder / "my_task" / ".github" / "workflows" / "test.yml").read_text())
    steps = workflow["jobs"]["test"]["steps"]
    assert [step["run"] for step in steps if "run" in step][-2:] == ["harness check my_task", "python -m pytest"]


@pytest.mark.parametrize("page", PAGES)
def test_every_line_of_a_page_is_one_that_the_command_line_takes(page, folder, monkeypatch):
    from harness.cli import main as command

    for text in blocks(page, "toml"):
        (folder / "sweep.toml").write_text(text)

    monkeypatch.setattr(command, "_call", lambda parsed: 0)
    for line in typed(page):
        if line.startswith("harness "):
            assert main(shlex.split(line)[1:]) == 0, line


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGES[page]):
        assert target.startswith("https://") or (ROOT / "docs" / target).exists(), target


def test_the_reference_is_made_from_the_docstrings():
    made = markdown()
    assert PAGES["contract.md"] == made, "run `python -m harness.testing.reference > docs/contract.md`"
