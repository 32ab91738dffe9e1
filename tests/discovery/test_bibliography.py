"""BibTeX beside plugins: whole entries, of the variant that was run, each key once."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.discovery.bibliography import bibliography, parse
from harness.record import Record

ROOT = Path(__file__).parents[2]
FILES = sorted([*(ROOT / "plugins").glob("*.bib"), *(ROOT / "tasks").glob("*.bib")])
NEEDED = {
    "article": ("author", "title", "year", "journal"),
    "inproceedings": ("author", "title", "year", "booktitle"),
    "misc": ("author", "title", "year", "eprint"),
}


@pytest.fixture
def keys(small):
    def of(**changes):
        return re.findall(r"^@\w+\{(\w+),", bibliography([Record(small(**changes))]), flags=re.MULTILINE)

    return of


def test_only_the_papers_of_the_variant_that_was_run_are_cited(keys):
    def of(variant):
        return keys(architecture="mlp_that_is_gone", task="adding", task_options={"variant": variant})

    assert of("halves") == ["arjovsky2016unitary"]
    assert of("anywhere") == ["bai2018empirical"]
    assert of("hochreiter") == ["hochreiter1997long"]


def test_an_option_that_is_on_cites_its_paper(keys):
    plain = keys(architecture="lstm", task="gone", architecture_options={"lstm.zoneout": 0.0})
    assert plain == ["gers2000learning", "hochreiter1997long"]
    on = keys(architecture="deep:lstm", task="gone", architecture_options={"lstm.zoneout": 0.1, "deep.dropout": 0.0})
    assert on == ["gers2000learning", "graves2013speech", "hochreiter1997long", "krueger2017zoneout"]


def test_a_paper_of_two_plugins_is_printed_once(keys):
    both = keys(architecture="lstm", task="noise_free_lag")
    assert both.count("hochreiter1997long") == 1


def test_the_condition_is_not_printed(small):
    text = bibliography([Record(small(task="adding", task_options={"variant": "halves"}))])
    assert "when" not in text
    assert text.startswith("@inproceedings{arjovsky2016unitary,\n  author = {Arjovsky")


def test_a_loose_file_keeps_its_own_beside_it(folder, keys):
    (folder / "mine.py").write_text("class Mine: ...\n")
    assert keys(architecture="./mine.py", task="gone") == []
    (folder / "mine.bib").write_text("@misc{me2026mine,\n  title = {Mine},\n}\n")
    assert keys(architecture="./mine.py", task="gone") == ["me2026mine"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_entries_are_whole_and_stand_beside_a_plugin(path):
    assert path.with_suffix(".py").exists()
    entries = parse(path.read_text(encoding="utf-8"))
    assert len(entries) == path.read_text(encoding="utf-8").count("@") > 0
    for entry in entries:
        kind = re.match(r"@(\w+)", entry.text)[1]
        for field in NEEDED[kind]:
            assert re.search(rf"^  {field} = \{{.+\}},$", entry.text, flags=re.MULTILINE), (entry.key, field)
        assert "others" not in entry.text
        assert entry.text.count("{") == entry.text.count("}")


def test_a_key_means_one_paper_everywhere():
    by_key = {}
    for path in FILES:
        for entry in parse(path.read_text(encoding="utf-8")):
            assert by_key.setdefault(entry.key, entry.text) == entry.text
