"""The pages that are made from the program are those in `docs/`, and nothing on a page comes from another host."""

from __future__ import annotations

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def made():
    spec = importlib.util.spec_from_file_location("pages", ROOT / "tools" / "pages.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.pages()


def test_every_page_is_made_of_the_program_as_it_is(made):
    different = {
        path
        for path, content in made.items()
        if not (ROOT / "docs" / path).is_file() or _words((ROOT / "docs" / path).read_bytes()) != _words(content)
    }
    if sys.version_info[:2] != (3, 11):  # argparse writes help differently from version to version
        different -= {"commands.md"}
    assert different == set(), "run `python tools/pages.py`"


def test_the_reference_has_every_verb_and_every_public_function(made):
    import harness
    from harness.cli.main import VERBS

    verbs = re.findall(r"^## harness (\w+)", made["commands.md"].decode(), flags=re.MULTILINE)
    assert len(verbs) == len(VERBS)
    functions = {name for name, room in harness._PUBLIC.items() if room.startswith("api")}
    assert functions <= set(re.findall(r"^## harness\.(\w+)", made["python-reference.md"].decode(), flags=re.MULTILINE))


def test_tutorials_show_what_notebooks_put_out(made):
    for notebook in (ROOT / "examples").glob("*.ipynb"):
        page = made[f"tutorials/{notebook.stem}.md"].decode()
        assert "<svg" in page
        assert "![" in page
        assert "http" not in page.replace("http://www.w3.org", "")


def _words(content: bytes) -> list[bytes]:
    return content.split()
