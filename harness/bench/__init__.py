"""`harness bench`: what architectures cost, measured with pytest-benchmark in processes of its own."""

from pathlib import Path


def suite_file() -> Path:
    """The file that pytest runs; it cannot be imported outside of it."""
    return Path(__file__).with_name("suite.py")
