"""Architectures named by import, `package.module:Class`: how they are split, built, identified, and refused."""

from __future__ import annotations

import importlib.metadata

import pytest
from torch import nn

from harness.cli.main import main
from harness.discovery import registry, source
from harness.discovery.compose import compose
from harness.errors import HarnessError, UsageError
from harness.names import split_parts

CODE = """
from torch import nn


class Layer(nn.Module):
    def __init__(self, input_size, hidden_size, num_layers=2, batch_first=False, dropout=0.0, **kwargs):
        super().__init__()
        self.kernel = nn.GRU(input_size, hidden_size, num_layers, batch_first=batch_first, dropout=dropout, **kwargs)

    def forward(self, x, state=None):
        return self.kernel(x, state)


class NeedsModule(Layer):
    def __init__(self, input_size, hidden_size, inner: nn.Module):
        super().__init__(input_size, hidden_size)


class NeedsAnything(Layer):
    def __init__(self, input_size, hidden_size, inner):
        super().__init__(input_size, hidden_size)


class NeedsKeyword(Layer):
    def __init__(self, input_size, hidden_size, *, inner: nn.Module):
        super().__init__(input_size, hidden_size)


class OneSize(nn.Module):
    def __init__(self, size):
        super().__init__()


class NoSize(nn.Module):
    def __init__(self):
        super().__init__()


class Stack(nn.Module):
    def __init__(self, layer, num_layers, norm=None):
        super().__init__()
"""

REFUSED = {
    "no_such_package_here:Layer": "No module 'no_such_package_here' can be imported",
    "no_such.package:Layer": "No module 'no_such.package' can be imported",
    "of_a_library:Lair": "No architecture in of_a_library called 'Lair'. Did you mean 'Layer'?",
    "math:Pi": "No architecture in math called 'Pi'",
    "torch.nn:functional": "is a module, not a class or a function",
    "of_a_library:NeedsModule": "NeedsModule needs 'inner', which cannot be set from outside",
    "of_a_library:NeedsKeyword": "NeedsKeyword needs 'inner', which cannot be set from outside",
    "of_a_library:NeedsAnything": "NeedsAnything needs a value for 'inner' (int or float or bool or str)",
    "of_a_library:OneSize": "cannot be built from (input_size, hidden_size): its constructor is (size)",
    "of_a_library:NoSize": "cannot be built from (input_size, hidden_size): its constructor is ()",
    "of_a_library:Stack": "cannot be built from (input_size, hidden_size): its constructor is (layer, num_layers, norm",
    "deep:of_a_library:OneSize": "cannot be built from (input_size, hidden_size): its constructor is (size)",
    "of_a_library:Layer:lstm": "'Layer' wraps nothing",
    "lstm:Layer": "'lstm' is an architecture",
}


@pytest.fixture
def library(folder):
    """A module in the working folder."""
    (folder / "of_a_library.py").write_text(CODE)
    return folder


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("library:LEM", ["library:LEM"]),
        ("library:coRNN", ["library:coRNN"]),
        ("deep:library:tauGRU", ["deep", "library:tauGRU"]),
        ("library.cells:make", ["library.cells:make"]),
        ("library.cells:Wrap:lstm", ["library.cells:Wrap", "lstm"]),
        ("deep:lstm", ["deep", "lstm"]),
    ],
)
def test_a_class_with_a_capital_anywhere_belongs_to_the_module_before_it(name, parts):
    assert split_parts(name) == parts


def test_the_core_sets_one_batch_first_layer_and_the_rest_are_options(library):
    composed = compose("of_a_library:Layer")
    assert list(composed.options) == ["Layer.dropout"]
    kernel = composed.build(3, 4).module.kernel
    assert (kernel.batch_first, kernel.num_layers) == (True, 1)


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_imported_or_built_is_refused_in_one_line_before_anything_is_trained(name, library, capsys):
    given = ("--task", "copy", "--length", "2", "--steps", "2", "--engine", "inline")
    code = main(["run", "--arch", f"gru,{name}", *given, "--tracking-uri", f"sqlite:///{library / 'mlflow.db'}"])
    out, err = capsys.readouterr()
    assert (code, out) == (2, "")
    assert REFUSED[name] in err.splitlines()[-1]
    assert err.count("harness: ") == 1
    assert err.splitlines()[:-1] in ([], ["loading torch, Lightning and MLflow ..."])
    assert not (library / "mlflow.db").exists()


def test_an_argument_of_a_base_class_is_not_passed_to_a_constructor_that_does_not_take_it(library):
    (library / "narrow.py").write_text(
        "from of_a_library import Layer\n\n\nclass Narrow(Layer):\n    def __init__(self, input_size, hidden_size):\n"
        "        super().__init__(input_size, hidden_size, 1, batch_first=True)\n"
    )
    composed = compose("narrow:Narrow")
    assert composed.options == {}
    assert composed.build(3, 4).output_size == 4


def test_a_value_for_an_argument_without_a_default_may_be_typed(library):
    composed = compose("of_a_library:NeedsAnything")
    assert composed.resolve({"NeedsAnything.inner": 3}) == {"NeedsAnything.inner": 3}


def test_the_identity_holds_distribution_and_version():
    found = registry.find("architecture", "torch.nn:GRU")
    assert found.origin == found.fingerprint() == f"torch {importlib.metadata.version('torch')}"


def test_the_identity_of_a_module_of_no_distribution_holds_its_code(library):
    before = registry.find("architecture", "of_a_library:Layer").fingerprint()
    (library / "of_a_library.py").write_text(CODE.replace("num_layers=2", "num_layers=3"))
    source.fingerprint.cache_clear()
    assert registry.find("architecture", "of_a_library:Layer").fingerprint() != before


def test_a_module_that_fails_to_import_is_refused_with_the_cause(library):
    (library / "fails.py").write_text("raise ValueError('on purpose')\n")
    with pytest.raises(HarnessError, match="cannot be imported: ValueError: on purpose"):
        compose("fails:Layer")


def test_a_part_before_a_class_must_be_a_module():
    with pytest.raises(UsageError, match="has no capital letters"):
        registry.find("architecture", "gru:Cell")


def test_a_layer_of_torch_is_what_it_is_alone():
    assert isinstance(compose("torch.nn:LSTM").build(3, 4).module, nn.LSTM)
