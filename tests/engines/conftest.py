"""What tests of engines share."""

from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def cells():
    """The path of the file with the cells that misbehave."""
    return str(Path(__file__).parents[1] / "third_party" / "misbehaving.py")
