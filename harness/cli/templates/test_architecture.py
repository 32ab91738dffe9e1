"""MyCell keeps the contract of architectures: shapes, causality, state, padding, gradients, learning."""

from __future__ import annotations

import pytest
from harness.testing import ArchitectureContract

from my_cell import MyCell


class TestMyCell(ArchitectureContract):
    @pytest.fixture
    def make(self) -> type[MyCell]:
        return MyCell
