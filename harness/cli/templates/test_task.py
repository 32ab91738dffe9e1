"""MyTask keeps the contract of tasks: seeds, shapes, masks, splits, chance, and a perfect oracle that scores 1."""

from __future__ import annotations

import pytest
from harness.testing import TaskContract

from my_task import MyTask


class TestMyTask(TaskContract):
    @pytest.fixture
    def task(self) -> MyTask:
        return MyTask()
