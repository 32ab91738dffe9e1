"""Identities are on records for good: these digests change only with IDENTITY_VERSION."""

from dataclasses import replace

import pytest

from harness.names import display_name
from harness.spec import RunSpec


@pytest.fixture
def spec():
    return RunSpec(
        "deep:lstm",
        "adding",
        length=50,
        seed=3,
        architecture_options={"deep.depth": 3, "lstm.forget_bias": 1.0},
        task_options={"variant": "halves"},
        hidden_size=64,
        steps=1000,
        batch_size=32,
        lr=0.01,
        test_lengths=(100,),
        architecture_code="a",
        task_code="b",
    )


@pytest.mark.parametrize(
    "change",
    [
        {"architecture": "deep:gru"},
        {"task": "copy"},
        {"length": 51},
        {"seed": 4},
        {"architecture_options": {"deep.depth": 2, "lstm.forget_bias": 1.0}},
        {"task_options": {"variant": "anywhere"}},
        {"hidden_size": 65},
        {"steps": 1001},
        {"batch_size": 33},
        {"lr": 0.011},
        {"optimizer": "sgd"},
        {"clip": 0.5},
        {"tbptt": 20},
        {"precision": "64"},
        {"execution": "compile"},
        {"validate_every": 10},
        {"length_from": 3},
        {"schedule": "cosine"},
        {"warmup": 7},
        {"final_lr": 0.001},
        {"weight_decay": 0.1},
        {"train_sequences": 100},
        {"embedding": "learned:8"},
        {"test_lengths": ()},
        {"architecture_code": "c"},
        {"task_code": "c"},
    ],
)
def test_whatever_decides_the_result_decides_the_identity(spec, change):
    assert replace(spec, **change).identity != spec.identity


def test_labels_paths_and_what_is_kept_do_not_decide_the_identity(spec):
    changed = {"label": "x", "task_label": "y", "asked": {"steps": 1000}, "keep_weights": "none"}
    assert replace(spec, **changed).identity == spec.identity
    here, there = (RunSpec(f"{folder}/cell.py:Cell", "copy", 10).identity for folder in (".", "/somewhere/else"))
    assert here == there


def test_the_order_of_options_does_not_decide_the_identity(spec):
    turned = dict(reversed(spec.architecture_options.items()))
    assert replace(spec, architecture_options=turned).identity == spec.identity


def test_a_spec_survives_json(spec):
    again = RunSpec.from_json(spec.to_json())
    assert again == spec
    assert again.identity == spec.identity


def test_settings_of_a_later_version_are_refused(spec):
    text = spec.to_json().replace('"clip"', '"warp"')
    with pytest.raises(ValueError, match="warp"):
        RunSpec.from_json(text)


def test_display_names_drop_folders():
    assert display_name("deep:./cells/mine.py:Cell") == "deep:Cell"
    assert display_name("deep:./cells/mine.py") == "deep:mine"
    assert display_name("deep:bidirectional:gru") == "deep:bidirectional:gru"


@pytest.mark.parametrize(
    ("golden", "settings"),
    [
        ("e8fd0b6a5ce7bee1", {"architecture": "lstm", "task": "copy", "length": 10}),
        ("033d559e6e50b33f", None),
    ],
)
def test_identities_are_what_they_have_always_been(spec, golden, settings):
    """Records are found by these digests: a change here needs a new IDENTITY_VERSION."""
    assert (RunSpec(**_SETTINGS, **settings) if settings else _EVERYTHING).identity == golden


_SETTINGS = {
    "architecture_options": {"lstm.forget_bias": 1.0},
    "task_options": {"symbols": 10},
    "hidden_size": 64,
    "steps": 100,
    "batch_size": 32,
    "lr": 0.01,
}
_EVERYTHING = RunSpec(
    "deep:./cells/mine.py:Cell",
    "adding",
    length=50,
    seed=3,
    architecture_options={"deep.depth": 3},
    task_options={"variant": "halves"},
    hidden_size=8,
    steps=10,
    batch_size=4,
    lr=0.5,
    optimizer="sgd",
    beta2=0.9,
    clip=0.0,
    tbptt=20,
    precision="64",
    validate_every=5,
    validation_sequences=7,
    test_sequences=9,
    test_lengths=(100,),
    architecture_code="a",
    task_code="b",
)
