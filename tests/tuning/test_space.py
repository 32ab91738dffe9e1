"""What is searched: what every run has, what plugins declare, what was typed; nonsense is refused by name."""

import pytest
from optuna.distributions import CategoricalDistribution, FloatDistribution, IntDistribution

from harness.discovery import registry
from harness.errors import PluginError, UsageError
from harness.space import Choice, Float, Int
from harness.spec import RunSpec
from harness.tuning.space import check_typed, distributions, first_trial, space_of


def test_every_architecture_is_searched_over_rate_clip_optimizer_and_what_it_declares():
    assert list(space_of("gru", {})) == ["lr", "clip", "optimizer"]
    assert (
        space_of("lstm", {})["lstm.forget_bias"]
        == registry.find("architecture", "lstm").load().search_space["forget_bias"]
    )
    assert {"deep.depth", "deep.dropout", "lstm.forget_bias"} < space_of("deep:lstm", {}).keys()


def test_what_was_set_by_hand_is_not_searched():
    assert "lr" not in space_of("lstm", {}, fixed=["lr"])
    assert "lstm.forget_bias" not in space_of("lstm", {}, fixed=["lstm.forget_bias"])


@pytest.mark.parametrize(
    ("name", "text", "key", "space"),
    [
        ("lr", "1e-4:1e-2:log", "lr", Float(1e-4, 1e-2, log=True)),
        ("lr", "1:2", "lr", Float(1, 2)),
        ("batch", "16,32", "batch_size", Choice(16, 32)),
        ("batch_size", "8:64:log", "batch_size", Int(8, 64, log=True)),
        ("clip", "0,1", "clip", Choice(0.0, 1.0)),
        ("beta2", "0.9:0.999", "beta2", Float(0.9, 0.999)),
        ("optimizer", "adam,sgd", "optimizer", Choice("adam", "sgd")),
        ("forget_bias", "0,1,3", "lstm.forget_bias", Choice(0.0, 1.0, 3.0)),
        ("lstm.forget_bias", "0:3", "lstm.forget_bias", Float(0, 3)),
        ("hidden_size", "8:64", "hidden_size", Int(8, 64)),
    ],
)
def test_a_typed_range_narrows_or_adds(name, text, key, space):
    check_typed(("lstm",), {name: text}, None)
    assert space_of("lstm", {name: text})[key] == space


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"lr": "1e-2:1e-4"}, "low < high"),
        ({"lr": "0:1:log"}, "low > 0"),
        ({"lr": "1e-3"}, "at least two"),
        ({"lr": "fast,slow"}, "takes float"),
        ({"lr": "-1:1"}, "lr must be"),
        ({"beta2": "0.5:1"}, "beta2 must be"),
        ({"batch_size": "0:8"}, "batch_size must be"),
        ({"batch_size": "1.5:8"}, "takes int, got a range of real numbers"),
        ({"optimizer": "adam,best"}, "adam | adamw | rmsprop | sgd"),
        ({"optimizer": "1:2"}, "got a range of whole numbers"),
    ],
)
def test_nonsense_is_refused_with_the_rule(typed, says):
    with pytest.raises(UsageError, match=says.replace("|", r"\|")):
        space_of("lstm", typed)


def test_an_unknown_name_is_refused_with_what_is_known():
    with pytest.raises(UsageError, match=r"No option 'forget_bais'. Did you mean 'forget_bias'.*lr"):
        check_typed(("lstm",), {"forget_bais": "0:1"}, None)


def test_hidden_size_is_not_searched_where_it_is_solved():
    with pytest.raises(UsageError, match="--params solves hidden_size"):
        check_typed(("lstm",), {"hidden_size": "8:64"}, 50_000)


def test_what_is_searched_and_set_is_refused():
    with pytest.raises(UsageError, match="is searched and set"):
        space_of("lstm", {"lr": "1e-4:1e-2"}, fixed=["lr"])


def test_ranges_reach_optuna_unchanged():
    space = {"a": Float(1e-4, 1e-2, log=True), "b": Int(1, 4), "c": Choice("x", "y")}
    assert distributions(space) == {
        "a": FloatDistribution(1e-4, 1e-2, log=True),
        "b": IntDistribution(1, 4),
        "c": CategoricalDistribution(("x", "y")),
    }


def test_the_first_trial_is_the_published_default_or_what_is_nearest_to_it():
    default = RunSpec("lstm", "copy", 3, architecture_options={"lstm.forget_bias": 1.0})
    assert first_trial(space_of("lstm", {}), default) == {
        "lr": 0.005,
        "clip": 1.0,
        "optimizer": "adam",
        "lstm.forget_bias": 1.0,
    }
    narrow = {"lr": "1e-4:1e-3", "forget_bias": "2,3", "optimizer": "sgd,rmsprop"}
    first = first_trial(space_of("lstm", narrow), default)
    assert (first["lr"], first["lstm.forget_bias"], first["optimizer"]) == (1e-3, 2.0, "sgd")


@pytest.mark.parametrize("name", list(registry.names("architecture")))
def test_every_built_in_default_lies_in_its_space(name):
    from harness.discovery.compose import compose

    options = {f"{p.name}.{key}": option.default for p in compose(name).parts for key, option in p.options.items()}
    for key, space in space_of(name, {}).items():
        assert options.get(key, getattr(RunSpec, key, None)) in space


def test_a_search_space_that_is_no_range_is_refused_with_what_to_write(folder):
    (folder / "leaky.py").write_text(
        "from torch import nn\n\n\nclass Leaky(nn.Module):\n"
        "    search_space = {'leak': (0.1, 1.0)}\n\n"
        "    def __init__(self, input_size, hidden_size, *, leak: float = 0.3):\n        super().__init__()\n"
    )
    with pytest.raises(PluginError, match=r"search_space\['leak'\] is \(0.1, 1.0\); it must be harness.Float"):
        space_of("./leaky.py", {})
