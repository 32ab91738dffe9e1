"""The file that 'harness run --config' takes, written from a search's result."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from harness.discovery.variants import HIDDEN_SIZE
from harness.names import file_name
from harness.search_record import SearchRecord
from harness.tuning.summarise import TRAINING_SETTINGS


def config_of(one: SearchRecord) -> str:
    """The TOML file that `harness run --config` takes."""
    lines = [
        f"# Found by harness tune: {one.name}",
        f"# {one.budget_in_words}; validation {one.objective} {one.score:.4g}, "
        f"default setting {'not finished' if one.default_score is None else format(one.default_score, '.4g')}",
        f"arch = {_toml(one.architecture)}",
        f"task = {_toml(one.task)}",
        f"length = {one.lengths}",
        f"first-seed = {one.fresh_seed}  # the seeds before were used to choose",
    ]
    flags = {"batch_size": "batch"}
    plain = {key: value for key, value in one.settings.items() if key in TRAINING_SETTINGS}
    lines += [f"{flags.get(key, key).replace('_', '-')} = {_toml(value)}" for key, value in plain.items()]
    lines += [f"params = {one.params}"] if one.params else []
    options = {key: value for key, value in one.settings.items() if "." in key or key == HIDDEN_SIZE}
    options |= one.task_options
    lines += ["", "[set]"] if options else []
    lines += [f"{_toml(key)} = {_toml(value)}" for key, value in options.items()]
    return "\n".join(lines) + "\n"


def write_config(one: SearchRecord, folder: Path) -> Path:
    """Writes the file; its name holds architecture, task and study. Raises OSError."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{file_name(f'{one.label}-{one.task_label}-{one.study}')}.toml"
    path.write_text(config_of(one), encoding="utf-8")
    return path


def _toml(value: Any) -> str:
    """JSON's texts, numbers and truth values are TOML's."""
    return json.dumps(value)
