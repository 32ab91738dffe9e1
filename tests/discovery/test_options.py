"""Options are keyword-only arguments: found with type and default, parsed from text, checked."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal, Optional

import pytest

from harness.discovery.options import options_of, resolve
from harness.errors import PluginError, UsageError

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


OPTIONS = options_of(Everything)


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

    (option,) = options_of(make).values()
    assert (option.name, option.types, option.default) == ("leak", (float,), 0.25)


def test_an_inherited_constructor_brings_its_options():
    class Child(Everything):
        pass

    assert options_of(Child) == OPTIONS


def test_no_keyword_only_argument_is_no_option():
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
        ("untyped_none", "str"),
        ("shape", "fixed (cannot be set)"),
        ("kernels", "fixed (cannot be set)"),
        ("activation", "fixed (cannot be set)"),
        ("maybe_several", "none"),
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

    options = options_of(make)
    assert options["order"].required
    with pytest.raises(UsageError, match=r"^cell needs a value for 'order' \(int\): --set order=\.\.\.$"):
        resolve("cell", options, {})
    assert resolve("cell", options, {"order": 3}) == {"order": 3}


# Fixed


def test_a_default_that_cannot_be_typed_stays_with_the_constructor():
    """A spec is plain data; the default is part of the plugin's code, and its fingerprint of the spec."""
    resolved = resolve("cell", OPTIONS, {})
    assert {"shape", "kernels", "activation"}.isdisjoint(resolved)
    assert Everything(1, 2, **resolved) is not None


def test_a_fixed_option_cannot_be_set_and_says_so():
    with pytest.raises(
        ValueError, match=r"^kernels is fixed at \(3, 3\): only numbers, words and true or false are set"
    ):
        OPTIONS["kernels"].parse("5")
    with pytest.raises(UsageError, match=r"^cell: kernels is fixed at"):
        resolve("cell", OPTIONS, {"kernels": [5]})


def test_an_option_that_can_neither_be_set_nor_left_out_is_the_plugins_fault():
    def make(input_size, hidden_size, *, kernels: tuple[int, ...]): ...

    with pytest.raises(
        PluginError, match=r"^cell needs 'kernels', which cannot be set from outside: give it a default"
    ):
        resolve("cell", options_of(make), {})
