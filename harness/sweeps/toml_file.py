"""TOML files that a person writes: read, with errors in one line."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

from harness.errors import UsageError


def read_toml(path: Path, taker: str) -> dict[str, Any]:
    """The tables of a file; UsageError where it cannot be read. `taker`: what takes the file, '--config'."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from None
    except RecursionError:
        raise UsageError(f"{path} is nested too deeply: one level of tables is enough.") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, ValueError) as error:
        if path.suffix in (".yaml", ".yml"):
            raise UsageError(f"{path} is YAML, and {taker} takes TOML: lines such as length = [10, 20].") from None
        raise UsageError(f"{path} is not TOML: {error}.") from None
