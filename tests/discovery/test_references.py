"""The papers of a sweep's architectures and tasks, found in their source."""

from __future__ import annotations

import pytest

from harness.discovery import registry
from harness.discovery.references import references
from harness.record import Record


@pytest.mark.parametrize(
    ("kind", "name"),
    [("architecture", name) for name in registry.names("architecture")] + [("task", n) for n in registry.names("task")],
)
def test_what_is_read_is_what_the_plugin_says(kind, name, small):
    spec = small(architecture=name) if kind == "architecture" else small(task=name)
    assert references([Record(spec)])[name] == registry.find(kind, name).load().reference


def test_every_part_of_a_composed_architecture_is_named_once(small):
    found = references([Record(small(architecture="deep:bidirectional:gru", seed=seed)) for seed in range(3)])
    assert sorted(found) == ["bidirectional", "copy", "deep", "gru"]


@pytest.mark.parametrize("text", ["class Mine: pass", "class Mine:\n    reference = f'{1}'", "class Mine(:", ""])
def test_a_loose_file_without_a_paper_is_left_out(text, small, tmp_path):
    (tmp_path / "mine.py").write_text(text)
    assert sorted(references([Record(small(architecture=str(tmp_path / "mine.py")))])) == ["copy"]


def test_a_loose_files_paper_is_named_by_its_class(small, tmp_path):
    (tmp_path / "mine.py").write_text(
        "class A:\n    reference: str = 'Me 2026'\nclass B:\n    reference = 'You 2025'\n"
    )
    assert references([Record(small(architecture=f"{tmp_path / 'mine.py'}:B"))])["B"] == "You 2025"
    assert references([Record(small(architecture=f"{tmp_path / 'mine.py'}:A"))])["A"] == "Me 2026"


def test_a_plugin_that_is_gone_harms_nothing(small):
    assert sorted(references([Record(small(architecture="uninstalled"))])) == ["copy"]
