"""From `--set name=value,value` to variants: whose option it is, its values, what the variant is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.discovery.compose import compose, load_task
from harness.discovery.variants import (
    architecture_variants,
    compose_all,
    labels,
    load_tasks,
    refuse_unknown_options,
    task_variants,
)
from harness.errors import PluginError, UsageError
from harness.spec import RunSpec

CELL = """
from torch import nn

class Cell(nn.Module):
    def __init__(self, input_size, hidden_size, *, leak: float = 1, dropout: float = 0.0): ...
    def forward(self, x): ...
"""


def variant_labels(name, **typed):
    return [variant.label for variant in architecture_variants(compose(name), typed)]


@pytest.fixture
def cell(folder: Path) -> str:
    (folder / "cell.py").write_text(CELL)
    return "./cell.py"


# Variants


def test_values_with_commas_are_variants_called_by_their_values():
    unusual, usual = architecture_variants(compose("lstm"), {"forget_bias": ("0", "1")})
    assert (unusual.label, usual.label) == ("lstm forget_bias=0.0", "lstm forget_bias=1.0")
    assert (unusual.options["lstm.forget_bias"], usual.options["lstm.forget_bias"]) == (0.0, 1.0)
    assert unusual.asked == {"lstm.forget_bias": 0.0}


def test_nothing_typed_is_one_variant_with_every_option_at_its_default():
    (variant,) = architecture_variants(compose("deep:mingru"), {})
    assert variant.label == "deep:mingru"
    assert variant.options == {
        "deep.depth": 2,
        "deep.dropout": 0.0,
        "deep.residual": False,
        "deep.final_norm": "none",
        "mingru.gate_bias": 0.0,
        "mingru.positive": False,
    }
    assert (variant.asked, variant.hidden_size) == ({}, RunSpec.hidden_size)


def test_several_options_make_every_combination():
    assert variant_labels("deep:lstm", depth=("1", "2"), forget_bias=("1", "3")) == [
        "deep:lstm depth=1 forget_bias=1.0",
        "deep:lstm depth=1 forget_bias=3.0",
        "deep:lstm depth=2 forget_bias=1.0",
        "deep:lstm depth=2 forget_bias=3.0",
    ]


def test_an_option_may_be_named_with_its_part():
    (variant,) = architecture_variants(compose("deep:lstm"), {"lstm.forget_bias": ("2",)})
    assert variant.label == "deep:lstm forget_bias=2.0"


def test_options_of_one_name_are_told_apart_in_the_label(cell):
    typed = {"deep.dropout": ("0.1", "0.2"), "cell.dropout": ("0.3",)}
    assert [variant.label for variant in architecture_variants(compose(f"deep:{cell}"), typed)] == [
        "deep:cell deep.dropout=0.1 cell.dropout=0.3",
        "deep:cell deep.dropout=0.2 cell.dropout=0.3",
    ]


def test_a_default_that_is_typed_is_the_same_variant_as_one_that_is_not(cell):
    (plain,) = architecture_variants(compose(cell), {})
    (typed,) = architecture_variants(compose(cell), {"leak": ("1",)})
    assert (plain.label, plain.options) == (typed.label, typed.options)
    assert repr(plain.options) == repr(typed.options)


def test_hidden_size_is_in_the_label_only_where_it_varies():
    assert variant_labels("lstm", hidden_size=("16",)) == ["lstm"]
    assert variant_labels("lstm", hidden_size=("16", "64")) == ["lstm hidden_size=16", "lstm hidden_size=64"]
    sizes = [variant.hidden_size for variant in architecture_variants(compose("lstm"), {"hidden_size": ("16", "64")})]
    assert sizes == [16, 64]


def test_hidden_size_is_no_option_of_a_part():
    (variant,) = architecture_variants(compose("mingru"), {"hidden_size": ("16",)})
    assert set(variant.options) == {"mingru.gate_bias", "mingru.positive"}


@pytest.mark.parametrize("size", ["0", "-4"])
def test_a_hidden_size_below_one_is_refused(size):
    with pytest.raises(UsageError, match=f"hidden_size must be at least 1, got {size}"):
        variant_labels("lstm", hidden_size=(size,))


def test_a_value_that_does_not_fit_is_an_error_with_what_the_option_takes():
    with pytest.raises(UsageError, match=r"^--set forget_bias takes float, got 'big'\.$"):
        variant_labels("lstm", forget_bias=("0", "big"))


def test_values_of_other_owners_are_left_to_them():
    assert variant_labels("rnn", forget_bias=("0", "1")) == ["rnn"]
    assert [variant.label for variant in task_variants(load_task("copy"), {"forget_bias": ("0",)})] == ["copy"]


def test_a_task_has_variants_keyed_by_plain_names():
    few, usual = task_variants(load_task("copy"), {"copy.symbols": ("3", "10")})
    assert (few.label, usual.label) == ("copy symbols=3", "copy symbols=10")
    assert few.options["symbols"] == 3


def test_a_variant_carries_the_fingerprint_of_every_part(folder, cell):
    (alone,) = architecture_variants(compose(cell), {})
    (deep,) = architecture_variants(compose("deep:lstm"), {})
    (both,) = architecture_variants(compose(f"deep:{cell}"), {})
    outer, _ = deep.composition.code.split("+")
    assert both.composition.code == f"{outer}+{alone.composition.code}"


# Whose option it is


def check(typed, architectures=("lstm",), tasks=("copy",)):
    refuse_unknown_options(compose_all(architectures), load_tasks(tasks), dict.fromkeys(typed, ("1",)))


@pytest.mark.parametrize(
    ("typed", "architectures", "tasks"),
    [
        (["forget_bias"], ["lstm", "deep:lstm"], ["copy"]),
        (["lstm.forget_bias"], ["lstm", "gru"], ["copy"]),
        (["hidden_size"], ["rnn", "lstm", "gru"], ["copy"]),
        (["symbols"], ["lstm"], ["copy"]),
        (["copy.symbols"], ["lstm"], ["copy", "adding"]),
    ],
)
def test_an_option_of_all_or_named_with_its_owner_is_accepted(typed, architectures, tasks):
    check(typed, tuple(architectures), tuple(tasks))


def test_an_unknown_option_is_an_error_with_the_nearest():
    with pytest.raises(UsageError, match=r"^No option 'forget_bais'. Did you mean 'forget_bias'\? Known: "):
        check(["forget_bais"])


def test_an_unknown_option_of_a_known_part_is_an_error_with_the_nearest():
    with pytest.raises(UsageError, match=r"^No option 'lstm.forget'. Did you mean .*'lstm.forget_bias'"):
        check(["lstm.forget"])


def test_an_option_of_some_architectures_only_must_say_whose():
    with pytest.raises(UsageError) as error:
        check(["forget_bias"], ("lstm", "rnn", "mgu"))
    assert str(error.value).startswith(
        "'forget_bias' is an option of lstm but not of rnn, mgu: write --set lstm.forget_bias="
    )


def test_an_option_of_some_tasks_only_must_say_whose():
    with pytest.raises(UsageError, match=r"is an option of copy but not of adding: write --set copy.symbols="):
        check(["symbols"], tasks=("copy", "adding"))


def test_an_option_of_an_architecture_and_of_a_task_must_say_which(folder):
    (folder / "cell.py").write_text(CELL.replace("leak: float = 1", "symbols: int = 1"))
    with pytest.raises(
        UsageError, match=r"'symbols' is an option of cell and of copy: write --set cell.symbols=.* or "
    ):
        check(["symbols"], ("./cell.py",))
    check(["cell.symbols", "copy.symbols"], ("./cell.py",))


def test_an_option_of_two_parts_must_say_of_which(cell):
    with pytest.raises(UsageError, match=r"deep:cell has 'dropout' more than once: write deep.dropout or cell.dropout"):
        check(["dropout"], (f"deep:{cell}",))


def test_an_option_that_is_set_under_both_its_names_is_refused():
    with pytest.raises(UsageError, match=r"lstm\.forget_bias of lstm is set twice"):
        list(architecture_variants(compose("lstm"), {"forget_bias": ("0",), "lstm.forget_bias": ("1",)}))


def test_two_files_of_one_name_are_told_apart_by_their_folders(folder):
    """Under one label they would be one row in every table, as if they were two seeds of one architecture."""
    for version in ("old", "new"):
        (folder / version).mkdir()
        (folder / version / "cell.py").write_text(CELL)
    composed = compose_all(["./old/cell.py", "./new/cell.py", "lstm"])
    assert list(labels(composed).values()) == ["old/cell", "new/cell", "lstm"]


def test_two_classes_of_one_name_in_folders_of_one_name_are_refused(folder):
    for version in ("old", "new"):
        (folder / version / "cells").mkdir(parents=True)
        (folder / version / "cells" / "cell.py").write_text(CELL)
    composed = compose_all(["./old/cells/cell.py", "./new/cells/cell.py"])
    with pytest.raises(UsageError, match=r"both called 'cells/cell': rename one"):
        labels(composed)


def test_two_spellings_of_one_file_are_one_architecture(folder):
    (folder / "cell.py").write_text(CELL)
    (folder / "link.py").symlink_to("cell.py")
    (folder / "sub").mkdir()
    composed = compose_all(["./cell.py", "./sub/../cell.py", str(folder / "cell.py"), "./link.py"])
    assert [one.name for one in composed] == ["./cell.py"]


def test_every_value_of_a_list_is_in_the_label_and_a_single_default_is_not(cell):
    typed = {"leak": ("0.5", "1", "2")}
    assert [v.label for v in architecture_variants(compose(cell), typed)] == [
        "cell leak=0.5",
        "cell leak=1.0",
        "cell leak=2.0",
    ]
    assert [v.label for v in architecture_variants(compose(cell), {"leak": ("1",)})] == ["cell"]
    tasks = task_variants(load_task("copy"), {"symbols": ("3", "10")})
    assert [v.label for v in tasks] == ["copy symbols=3", "copy symbols=10"]


def test_naming_a_file_that_cannot_be_imported_is_an_error_before_anything_is_run(folder):
    (folder / "cell.py").write_text("import not_installed_anywhere")
    with pytest.raises(PluginError, match="No module named 'not_installed_anywhere'"):
        check([], ("lstm", "./cell.py"))
