"""Which studies there are: files of packages, and loose files by path. Nothing heavy is imported."""

from __future__ import annotations

import importlib.metadata
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import harness
from harness.errors import PluginError, UsageError, did_you_mean
from harness.studies.question import Study
from harness.studies.reading import read_study

GROUP = "harness.studies"
"""Entry points of this group name a package whose folder holds study files."""
RESULTS = "results"
"""The folder beside study files for what they came to."""
_SUFFIX = ".toml"
_OURS = "harness.study_files"
_REPOSITORY = Path(harness.__file__).resolve().parent.parent


class Shelf(NamedTuple):
    """A folder of study files, and the distribution that brings it."""

    folder: Path
    origin: str


def names() -> list[str]:
    """The names of all installed studies, sorted."""
    return sorted({file.stem for file, _ in _files()})


def all_studies() -> Iterator[Study]:
    """All installed studies by name; UsageError for the first that cannot be read."""
    for file, origin in sorted(_files(), key=lambda found: found[0].stem):
        yield read_study(file, origin)


def find_study(name: str) -> Study:
    """The study of a name or in a file; UsageError where there is none."""
    if name.endswith(_SUFFIX) or "/" in name:
        return read_study(Path(name))
    found = [(file, origin) for file, origin in _files() if file.stem == name]
    if not found:
        here = f" The file here is named by its path: ./{name}{_SUFFIX}" if Path(f"{name}{_SUFFIX}").is_file() else ""
        raise UsageError(did_you_mean("study", name, names()) + here)
    if len(found) > 1:
        origins = " and ".join(origin for _, origin in found)
        raise PluginError(f"Study {name!r} is brought by {origins}: uninstall one of them.")
    return read_study(*found[0])


def _files() -> Iterator[tuple[Path, str]]:
    for shelf in shelves():
        yield from ((file, shelf.origin) for file in sorted(shelf.folder.glob(f"*{_SUFFIX}")))


def shelves() -> list[Shelf]:
    """The folders of all packages that bring studies."""
    found: dict[Path, Shelf] = {}
    for entry in importlib.metadata.entry_points(group=GROUP):
        folder = _folder(entry.value)
        if folder is not None:
            origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown distribution"
            found.setdefault(folder, Shelf(folder, origin))
    return list(found.values())


def _folder(module: str) -> Path | None:
    """The folder of a package; of ours, that of the repository in which Python was started, where it was."""
    ours = _REPOSITORY / "studies"
    if module == _OURS and (ours / "__init__.py").is_file() and (_REPOSITORY / "pyproject.toml").is_file():
        return ours
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        return None
    return Path(spec.origin).parent if spec and spec.origin else None
