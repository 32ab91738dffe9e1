"""Every task that is registered keeps the contract with its default options."""

import pytest

from harness.discovery import registry
from harness.testing import TaskContract
from harness.training.build import build_task

BUILT_IN = [plugin.name for plugin in registry.plugins("task") if plugin.module.startswith("harness.tasks.")]


class TestEveryTask(TaskContract):
    @pytest.fixture(params=BUILT_IN)
    def task(self, request):
        return build_task(request.param, {})


def test_there_are_the_three_tasks_of_an_introduction():
    assert {"adding", "copy", "parentheses"} <= set(BUILT_IN)
