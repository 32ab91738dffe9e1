"""From `--set name=value,value` to variants: whose option it is, its values, what the variant is called."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.discovery.variants import architecture_variants, check_names, task_variants
from harness.errors import PluginError, UsageError
from harness.spec import RunSpec

CELL = """
from torch import nn

class Cell(nn.Module):
    def __init__(self, input_size, hidden_size, *, leak: float = 1, dropout: float = 0.0): ...
    def forward(self, x): ...
"""


def labels(name, **typed):
    return [variant.label for variant in architecture_variants(name, typed)]


@pytest.fixture
def cell(folder: Path) -> str:
    (folder / "cell.py").write_text(CELL)
    return "./cell.py"


# Variants


def test_values_with_commas_are_variants_called_by_what_is_not_at_its_default():
    unusual, usual = architecture_variants("lstm", {"forget_bias": ("0", "1")})
    assert (unusual.label, usual.label) == ("lstm forget_bias=0.0", "lstm")
    assert (unusual.options["lstm.forget_bias"], usual.options["lstm.forget_bias"]) == (0.0, 1.0)
    assert unusual.asked == {"lstm.forget_bias": 0.0}


def test_nothing_typed_is_one_variant_with_every_option_at_its_default():
    (variant,) = architecture_variants("deep:mingru", {})
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
    assert labels("deep:lstm", depth=("1", "2"), forget_bias=("1", "3")) == [
        "deep:lstm depth=1",
        "deep:lstm depth=1 forget_bias=3.0",
        "deep:lstm",
        "deep:lstm forget_bias=3.0",
    ]


def test_an_option_may_be_named_with_its_part():
    (variant,) = architecture_variants("deep:lstm", {"lstm.forget_bias": ("2",)})
    assert variant.label == "deep:lstm forget_bias=2.0"


def test_options_of_one_name_are_told_apart_in_the_label(cell):
    typed = {"deep.dropout": ("0.1", "0.2"), "cell.dropout": ("0.3",)}
    assert [variant.label for variant in architecture_variants(f"deep:{cell}", typed)] == [
        "deep:cell deep.dropout=0.1 cell.dropout=0.3",
        "deep:cell deep.dropout=0.2 cell.dropout=0.3",
    ]


def test_a_default_that_is_typed_is_the_same_variant_as_one_that_is_not(cell):
    (plain,) = architecture_variants(cell, {})
    (typed,) = architecture_variants(cell, {"leak": ("1",)})
    assert (plain.label, plain.options) == (typed.label, typed.options)
    assert repr(plain.options) == repr(typed.options)


def test_hidden_size_is_in_the_label_only_where_it_varies():
    assert labels("lstm", hidden_size=("16",)) == ["lstm"]
    assert labels("lstm", hidden_size=("16", "64")) == ["lstm hidden_size=16", "lstm hidden_size=64"]
    sizes = [variant.hidden_size for variant in architecture_variants("lstm", {"hidden_size": ("16", "64")})]
    assert sizes == [16, 64]


def test_hidden_size_is_no_option_of_a_part():
    (variant,) = architecture_variants("mingru", {"hidden_size": ("16",)})
    assert set(variant.options) == {"mingru.gate_bias", "mingru.positive"}


@pytest.mark.parametrize("size", ["0", "-4"])
def test_a_hidden_size_below_one_is_refused(size):
    with pytest.raises(UsageError, match=f"hidden_size must be at least 1, got {size}"):
        labels("lstm", hidden_size=(size,))


def test_a_value_that_does_not_fit_is_an_error_with_what_the_option_takes():
    with pytest.raises(UsageError, match=r"^--set forget_bias takes float, got 'big'\.$"):
        labels("lstm", forget_bias=("0", "big"))


def test_values_of_other_owners_are_left_to_them():
    assert labels("rnn", forget_bias=("0", "1")) == ["rnn"]
    assert [variant.label for variant in task_variants("copy", {"forget_bias": ("0",)})] == ["copy"]


def test_a_task_has_variants_keyed_by_plain_names():
    few, usual = task_variants("copy", {"copy.symbols": ("3", "10")})
    assert (few.label, usual.label) == ("copy symbols=3", "copy")
    assert few.options["symbols"] == 3


def test_a_variant_carries_the_fingerprint_of_every_part(folder, cell):
    (alone,) = architecture_variants(cell, {})
    (deep,) = architecture_variants("deep:lstm", {})
    (both,) = architecture_variants(f"deep:{cell}", {})
    outer, _ = deep.code.split("+")
    assert both.code == f"{outer}+{alone.code}"


# Whose option it is


def check(typed, architectures=("lstm",), tasks=("copy",)):
    check_names(architectures, tasks, dict.fromkeys(typed, ("1",)))


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
        list(architecture_variants("lstm", {"forget_bias": ("0",), "lstm.forget_bias": ("1",)}))


def test_two_files_whose_classes_are_called_the_same_are_refused(folder):
    """They would be one row in every table, as if they were two seeds of one architecture."""
    for version in ("old", "new"):
        (folder / version).mkdir()
        (folder / version / "cell.py").write_text(CELL)
    with pytest.raises(UsageError, match=r"^\./old/cell.py and \./new/cell.py are both called 'cell': rename one"):
        check([], ("./old/cell.py", "./new/cell.py"))
    check([], ("./old/cell.py", "deep:./new/cell.py", "lstm"))


def test_naming_a_file_that_cannot_be_imported_is_an_error_before_anything_is_run(folder):
    (folder / "cell.py").write_text("import not_installed_anywhere")
    with pytest.raises(PluginError, match="No module named 'not_installed_anywhere'"):
        check([], ("lstm", "./cell.py"))
