"""Options are constructor arguments: found with type and default, parsed from text, checked."""

from __future__ import annotations

import importlib
import json
import math
import numbers
from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Optional

import numpy
import pytest

from harness.discovery.options import arguments, options_of, resolve
from harness.errors import UsageError

if TYPE_CHECKING:
    from somewhere import Unknown


class Everything:
    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        *,
        flag: bool = False,
        depth: int = 2,
        leak: float = 0.1,
        name: str = "a",
        merge: Literal["concat", "sum"] = "concat",
        width: Literal[1, 2] = 1,
        clip: Optional[float] = None,  # noqa: UP045
        size: int | None = 3,
        init: Literal["zero", "one"] | None = None,
        scale: float | Literal["auto"] = "auto",
        noted: Annotated[int, "steps"] = 5,
        any_of: str | float | int | None = "x",
        whole: float = 1,
        untyped=0.5,
        untyped_none=None,
        shape=(1, 2),
        unknown: Unknown = 7,
        kernels: tuple[int, ...] = (3, 3),
        activation=abs,
        maybe_several: list[int] | None = None,
    ): ...


OPTIONS = options_of(Everything, given=2)


def parse(name, text):
    value = OPTIONS[name].parse(text)
    return value, type(value)


# Found


def test_keyword_only_arguments_are_the_options_in_the_order_of_the_signature():
    assert list(OPTIONS)[:4] == ["flag", "depth", "leak", "name"]
    assert "input_size" not in OPTIONS
    assert "self" not in OPTIONS
    assert OPTIONS["depth"].default == 2


def test_a_function_has_options_as_a_class_does():
    def make(input_size, hidden_size, *, leak: float = 0.25): ...

    (option,) = options_of(make, given=2).values()
    assert (option.name, option.types, option.default) == ("leak", (float,), 0.25)


def test_an_inherited_constructor_brings_its_options():
    class Child(Everything):
        pass

    assert options_of(Child, given=2) == OPTIONS


def test_no_argument_is_no_option():
    class Bare:
        pass

    assert options_of(Bare) == {}


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("flag", "bool"),
        ("depth", "int"),
        ("leak", "float"),
        ("name", "str"),
        ("merge", "concat | sum"),
        ("width", "1 | 2"),
        ("clip", "float or none"),
        ("size", "int or none"),
        ("init", "zero | one or none"),
        ("scale", "auto or float"),
        ("noted", "int"),
        ("untyped", "float"),
        ("untyped_none", "none or int or float or bool or str"),
        ("shape", "a list such as [1,2]"),
        ("kernels", "a list such as [1,2]"),
        ("activation", "fixed (cannot be set)"),
        ("maybe_several", "a list such as [1,2] or none"),
        ("unknown", "int"),
    ],
)
def test_what_an_option_takes_is_told_in_words(name, kind):
    assert OPTIONS[name].kind == kind


def test_a_name_for_type_checkers_only_leaves_the_other_types_alone():
    """`unknown: Unknown` cannot be resolved at run time; `whole: float = 1` must not become an int for that."""
    assert OPTIONS["unknown"].types == (int,)
    assert OPTIONS["whole"].types == (float,)


# Parsed


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("flag", "true", True),
        ("flag", "False", False),
        ("flag", "yes", True),
        ("flag", "0", False),
        ("depth", "3", 3),
        ("depth", "-3", -3),
        ("leak", "0.5", 0.5),
        ("leak", "3e-3", 0.003),
        ("leak", "1", 1.0),
        ("name", "1", "1"),
        ("name", "none", "none"),
        ("merge", "sum", "sum"),
        ("width", "2", 2),
        ("clip", "none", None),
        ("clip", "None", None),
        ("clip", "2", 2.0),
        ("size", "4", 4),
        ("init", "one", "one"),
        ("init", "none", None),
        ("scale", "auto", "auto"),
        ("scale", "2", 2.0),
        ("noted", "6", 6),
        ("any_of", "3", 3),
        ("any_of", "3.0", 3.0),
        ("any_of", "None", None),
        ("any_of", "three", "three"),
        ("untyped", "2", 2.0),
        ("untyped_none", "text", "text"),
        ("untyped_none", "2", 2),
        ("untyped_none", "true", True),
        ("shape", "[3, 4]", [3, 4]),
        ("kernels", "(5,)", [5]),
        ("maybe_several", "none", None),
        ("unknown", "8", 8),
    ],
)
def test_text_becomes_a_value_of_the_options_type(name, text, value):
    assert parse(name, text) == (value, type(value))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("flag", "maybe"),
        ("flag", "2"),
        ("depth", "2.5"),
        ("depth", "two"),
        ("depth", "none"),
        ("leak", "a lot"),
        ("merge", "Sum"),
        ("merge", "none"),
        ("width", "3"),
        ("size", "2.5"),
        ("init", "two"),
        ("scale", "manual"),
        ("untyped", "text"),
    ],
)
def test_text_that_does_not_fit_is_an_error_with_what_the_option_takes(name, text):
    with pytest.raises(ValueError, match=f"^{name} takes ") as error:
        OPTIONS[name].parse(text)
    assert str(error.value).endswith(f"takes {OPTIONS[name].kind}, got {text!r}")


# Resolved


def test_options_that_are_not_given_have_their_defaults():
    resolved = resolve("cell", OPTIONS, {"depth": 4})
    assert resolved["depth"] == 4
    assert {**resolved, "depth": 2} == {name: o.default for name, o in OPTIONS.items() if not o.fixed}


def test_a_whole_number_is_widened_where_a_real_one_is_meant_the_default_as_well():
    """Else 1 and 1.0, the same training, would be two identities."""
    assert type(resolve("cell", OPTIONS, {"leak": 1})["leak"]) is float
    assert type(resolve("cell", OPTIONS, {})["whole"]) is float
    assert math.isclose(resolve("cell", OPTIONS, {})["whole"], 1.0)


@pytest.mark.parametrize(
    ("name", "value"),
    [("flag", 1), ("depth", True), ("depth", 2.0), ("leak", "0.1"), ("merge", "max"), ("size", "3"), ("clip", False)],
)
def test_a_value_of_another_type_is_refused_with_the_owner(name, value):
    with pytest.raises(UsageError, match=rf"^cell: {name} takes .*, got {value!r}\.$"):
        resolve("cell", OPTIONS, {name: value})


@pytest.mark.parametrize(("name", "value"), [("clip", None), ("init", None), ("init", "zero"), ("scale", 0.5)])
def test_a_value_that_fits_is_kept_as_it_is(name, value):
    assert resolve("cell", OPTIONS, {name: value})[name] == value


def test_an_unknown_option_is_an_error_with_the_nearest():
    with pytest.raises(
        UsageError, match=r"^No option of cell 'dept'. Did you mean 'depth'\? Known: activation, any_of, clip, depth, "
    ):
        resolve("cell", OPTIONS, {"dept": 1})


def test_a_required_option_that_is_not_given_is_an_error_that_says_how_to_give_it():
    def make(input_size, hidden_size, *, order: int): ...

    options = options_of(make, given=2)
    assert options["order"].required
    with pytest.raises(UsageError, match=r"^cell needs a value for 'order' \(int\): --set order=\.\.\.$"):
        resolve("cell", options, {})
    assert resolve("cell", options, {"order": 3}) == {"order": 3}


# Fixed


def test_a_default_that_cannot_be_typed_stays_with_the_constructor():
    """A spec is plain data; the default is part of the plugin's code, and its fingerprint of the spec."""
    resolved = resolve("cell", OPTIONS, {})
    assert "activation" not in resolved
    assert Everything(1, 2, **resolved) is not None


def test_a_fixed_option_cannot_be_set_and_says_so():
    with pytest.raises(
        ValueError, match=r"^activation is fixed at <.*abs>: only numbers, words, lists and true or false are set"
    ):
        OPTIONS["activation"].parse("5")
    with pytest.raises(UsageError, match=r"^cell: activation is fixed at"):
        resolve("cell", OPTIONS, {"activation": [5]})


# As people write them


class Act(Enum):
    TANH = "tanh"
    RELU = "relu"


class Written:
    """Defaults and annotations that do not go together, or are no types."""

    def __init__(
        self,
        input_size,
        hidden_size,
        memory=16,
        theta=10.0,
        *,
        layers: int = None,  # noqa: RUF013
        dropout: int = 0.5,
        share: numbers.Real = 0.5,
        word: str = None,  # noqa: RUF013
        bias: bool = 1,
        rate: float = False,
        fixed: Final[int] = 3,
        anything: Any = 3,
        prose: float in [0, 1] = 0.5,
        mode: Literal["a", "b"] = "c",
        act: Callable = None,  # noqa: RUF013
        kind: Act = Act.TANH,
        sizes: list = [1, 2],  # noqa: B006
        pair: tuple = (0.0, 1.0),
        single: numpy.float32 = numpy.float32(0.5),  # noqa: B008
    ):
        self.given = {name: value for name, value in locals().items() if name != "self"}


WRITTEN = options_of(Written, given=2)


def made(**values):
    resolved = resolve("cell", WRITTEN, {name: WRITTEN[name].parse(text) for name, text in values.items()})
    json.dumps(resolved)  # a spec holds it
    return Written(1, 2, **arguments(WRITTEN, resolved)).given


def test_what_the_author_wrote_as_default_reaches_the_constructor_whatever_the_annotation_says():
    assert made() == Written(1, 2).given


def test_positional_arguments_with_a_default_are_options_too():
    assert list(WRITTEN)[:2] == ["memory", "theta"]
    assert made(theta="20")["theta"] == 20.0


@pytest.mark.parametrize(
    ("name", "text", "value"),
    [
        ("layers", "2", 2),
        ("dropout", "0.1", 0.1),
        ("dropout", "1", 1),
        ("share", "0.1", 0.1),
        ("word", "none", None),
        ("word", "x", "x"),
        ("bias", "false", False),
        ("rate", "0.25", 0.25),
        ("fixed", "4", 4),
        ("anything", "4", 4),
        ("prose", "0.25", 0.25),
        ("mode", "a", "a"),
        ("kind", "RELU", Act.RELU),
        ("sizes", "[3]", [3]),
        ("pair", "[0.5, 2]", (0.5, 2)),
        ("single", "0.25", numpy.float32(0.25)),
    ],
)
def test_an_option_takes_what_its_annotation_or_its_default_says(name, text, value):
    assert made(**{name: text})[name] == value
    assert type(made(**{name: text})[name]) is type(value)


def test_what_cannot_be_typed_is_fixed():
    assert WRITTEN["act"].fixed


def test_a_constructor_that_passes_keywords_on_has_the_options_of_the_class_it_inherits_from():
    class Base:
        def __init__(self, kind, input_size, hidden_size, *, bias: bool = True): ...

    class Layer(Base):
        def __init__(self, *args, scale: float = 1.0, **kwargs): ...

    assert list(options_of(Layer, given=2)) == ["scale", "bias"]


@pytest.mark.parametrize("name", ["RNN", "LSTM", "GRU"])
def test_a_layer_of_torch_whose_constructor_passes_everything_on_has_the_options_of_its_base(name):
    options = options_of(getattr(importlib.import_module("torch.nn"), name), given=2)
    assert {"bias", "dropout", "bidirectional"} <= options.keys()
    assert [option.name for option in options.values() if option.required] == []
