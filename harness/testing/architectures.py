"""The promises of an architecture as tests: subclass `ArchitectureContract` and override the fixture `make`.

    class TestMine(ArchitectureContract):
        @pytest.fixture
        def make(self):
            return MyRNN

Each test is a check of its own too: it takes `make`, and raises AssertionError saying what was promised and what was
seen. `check_architecture(make)` runs them all without pytest's runner, `harness check` in a process of their own.
"""

from __future__ import annotations

import pytest

from harness.testing._module import ModulePromises
from harness.testing._probes import Make, best_recall, build, require
from harness.testing._sequence import SequencePromises
from harness.testing.findings import Finding, findings, require_something_checked


class ArchitectureContract(ModulePromises, SequencePromises):
    """Override the fixture `make`; the class attributes where an architecture needs other sizes or more training."""

    def test_learns_to_recall_the_first_symbol(self, make: Make) -> None:
        """It learns: after a short training it recalls the first of six steps.

        Way out: look for a scale, a gate's start or an activation that lets gradients vanish; or give the contract more
        `learning_updates` or another `learning_rate`, and say why.
        """
        symbols, steps = 4, 6
        model = build(make, symbols + 1, self.hidden_size)
        if (model.max_length or steps) < steps:
            pytest.skip(f"takes at most {model.max_length} steps, the recall needs {steps}")
        accuracy = best_recall(model, symbols, steps, self.learning_rate, self.learning_updates)
        seen = f"after {self.learning_updates} updates the accuracy is {accuracy:.0%}, chance is {1 / symbols:.0%}"
        require(accuracy > 0.9, f"it must learn to recall the first of {steps} steps, one of {symbols} symbols; {seen}")

    def test_not_everything_is_skipped(self, make: Make) -> None:
        """At least one promise could be checked.

        Way out: look at the reasons for which the checks were skipped.
        """
        require_something_checked(self, make)


def check_architecture(make: Make, contract: ArchitectureContract | None = None) -> list[Finding]:
    """Every check of the contract and what it found; an architecture that only skips has a broken promise."""
    return list(findings(contract or ArchitectureContract(), make))
