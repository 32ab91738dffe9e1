"""MyCell keeps the contract of architectures: shapes, causality, state, padding, gradients, and that it learns."""

from __future__ import annotations

import pytest
from harness.testing import ArchitectureContract

from my_cell import MyCell


class TestMyCell(ArchitectureContract):
    @pytest.fixture
    def make(self) -> type[MyCell]:
        return MyCell
