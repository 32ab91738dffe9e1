"""Every task that is registered keeps the contract with its default options."""

from functools import cache

import pytest

from harness.discovery import registry
from harness.errors import UsageError
from harness.testing import TaskContract
from harness.training.build import build_task

BUILT_IN = [plugin.name for plugin in registry.plugins("task") if plugin.module.startswith("harness.tasks.")]


@cache  # reading a large text takes a second
def made(name):
    """The task with its default options; one that needs a file, or a package that is not here, is skipped."""
    try:
        return build_task(name, {})
    except (ValueError, UsageError) as error:
        pytest.skip(str(error))


class TestEveryTask(TaskContract):
    @pytest.fixture(params=BUILT_IN)
    def task(self, request):
        return made(request.param)


def test_there_are_the_three_tasks_of_an_introduction():
    assert {"adding", "copy", "parentheses"} <= set(BUILT_IN)
