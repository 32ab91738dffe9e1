"""What a contributor finds in the repository's folder: one set of commands everywhere, a licence, pages that build."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parent.parent
WRITTEN = ("tuned/", "build/site/")  # by commands
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def recipes() -> dict[str, list[str]]:
    """The commands of each target of the Makefile, with its default Python filled in."""
    text = (ROOT / "Makefile").read_text()
    (default,) = re.findall(r"^PYTHON \?= (.+)$", text, flags=re.MULTILINE)
    found = re.findall(r"^(\w+):\n((?:\t.+\n)+)", text, flags=re.MULTILINE)
    return {
        target: [line.strip() for line in body.replace("$(PYTHON)", default).splitlines()] for target, body in found
    }


def setup_line(page: str, extras: str) -> str:
    """The line of a page that makes the environment with these extras."""
    (line,) = [line for line in (ROOT / page).read_text().splitlines() if f"pip install -e '.[{extras}]'" in line]
    return line


def test_ci_runs_the_test_line_of_the_readme_and_the_commands_of_every_make_target():
    ran = (ROOT / ".ci" / "run").read_text().splitlines()
    test_line = setup_line("README.md", "test")
    assert test_line in ran
    assert recipes()["test"] == [test_line.rpartition(" && ")[2]]
    assert [line for target in ("check", "docs") for line in recipes()[target]] == ran[-4:]


def test_the_public_workflow_sets_up_as_contributing_says_and_calls_every_make_target():
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    (job,) = workflow["jobs"].values()
    commands = [step["run"] for step in job["steps"] if "run" in step]
    assert commands[0] == setup_line("CONTRIBUTING.md", "test,lint,docs")
    assert sorted(commands[1:]) == sorted(f"make {target}" for target in recipes())


def test_contributing_names_every_make_target():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    assert [target for target in recipes() if f"make {target}" not in text] == []


def test_pre_commit_runs_the_checks_of_make_check_and_needs_no_other_repository():
    repositories = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())["repos"]
    assert [repository["repo"] for repository in repositories] == ["local"]
    entries = [hook["entry"] for repository in repositories for hook in repository["hooks"]]
    for command in recipes()["check"]:
        tool = " ".join(command.removesuffix(" .").replace(" --check", "").split())
        assert any(entry.startswith(tool) for entry in entries), tool


def test_every_tool_that_make_calls_is_an_extra():
    extras = PYPROJECT["project"]["optional-dependencies"]
    offered = {re.split(r"[<>=!\[]", requirement)[0] for extra in extras.values() for requirement in extra}
    called = {command.split()[2] for commands in recipes().values() for command in commands}
    assert called <= offered


def test_licence_version_and_name_are_the_same_everywhere():
    project = PYPROJECT["project"]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert project["license"] == citation["license"] == "MIT"
    assert citation["version"] == project["version"]
    assert (ROOT / "LICENSE").read_text().startswith("MIT License\n\nCopyright (c) 2026 the rnn-harness authors\n")
    assert f"## {project['version']}" in (ROOT / "CHANGELOG.md").read_text()


# The pages


def test_every_page_is_in_the_sites_navigation_and_on_its_first_page():
    site = tomllib.loads((ROOT / "zensical.toml").read_text())["project"]
    docs = ROOT / "docs"
    pages = {page.relative_to(docs).as_posix() for page in docs.rglob("*.md")}
    assert pages == set(_leaves(site["nav"])), "zensical.toml's nav and docs/ differ"
    index = (ROOT / "docs" / "index.md").read_text()
    assert [page for page in pages - {"index.md"} if f"]({page})" not in index] == [], "not linked in docs/index.md"


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "SECURITY.md", "tests/README.md", "docs/*.md"])
def test_every_file_that_a_page_names_is_there(page):
    for file in set(ROOT.glob(page)) - {ROOT / "docs" / "changelog.md"}:  # which names what was
        paths = re.findall(r"`((?:\w[\w.]*/)+(?:\w+\.(?:py|c|md|toml))?)`", file.read_text())
        gone = [p for p in paths if not ((ROOT / p).exists() or (ROOT / "harness" / p).exists()) and p not in WRITTEN]
        assert gone == [], f"{file.name} names files that are not there"


def test_the_design_page_has_every_room_in_the_order_that_is_tested():
    page = (ROOT / "docs" / "design.md").read_text()
    core = {path.stem for path in (ROOT / "harness").iterdir() if not path.name.startswith("__")} - {"py"}
    shown = _levels(next(block for block in re.findall(r"```\n(.*?)```", page, flags=re.DOTALL) if " < " in block))
    tested = _levels(re.findall(r'ORDER = """(.*?)"""', (ROOT / "tests" / "test_rooms.py").read_text(), re.DOTALL)[0])
    assert [level & core for level in shown if level & core] == [level & core for level in tested if level & core]
    assert [room for room in core if not re.search(rf"^\|.*`{room}(\.py|/)`.*\|", page, re.MULTILINE)] == []


def _levels(order: str) -> list[set[str]]:
    return [set(level.split()) for level in order.split("<")]


def _leaves(part: object) -> list[str]:
    if isinstance(part, str):
        return [part]
    children = part.values() if isinstance(part, dict) else part
    return [leaf for child in children for leaf in _leaves(child)]


def test_the_site_builds_and_a_broken_link_fails_the_build(tmp_path):
    pytest.importorskip("zensical", reason="the site needs the extra `docs`")
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    shutil.copy(ROOT / "zensical.toml", tmp_path)
    (command,) = recipes()["docs"]

    def build() -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, *command.split()[1:]]
        return subprocess.run(arguments, cwd=tmp_path, capture_output=True, text=True, check=False)

    built = build()
    assert built.returncode == 0, built.stdout + built.stderr
    assert (tmp_path / "build" / "site" / "index.html").exists()
    with (tmp_path / "docs" / "index.md").open("a") as page:
        page.write("\n[nowhere](nowhere.md)\n")
    broken = build()
    assert broken.returncode != 0
    assert "page does not exist" in broken.stdout + broken.stderr
