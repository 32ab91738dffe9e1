"""Names to plugins: through entry points, loose files (`./cell.py`) and import paths (`package.module:Class`)."""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import sysconfig
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.discovery import footprint, loose_files, source
from harness.discovery.selection import Kind as Kind
from harness.discovery.selection import ambiguous_message, candidates
from harness.errors import PluginError, UsageError, did_you_mean, one_line
from harness.names import is_file, is_importable, short_name
from harness.process.state import preserve_state

_BUILT_IN = ("harness.plugins.", "harness.tasks.", "harness.reports.")
_RELATIVE_IMPORT = "attempted relative import with no known parent package"


@dataclass(frozen=True)
class Plugin:
    """A plugin that is known by name but not imported yet."""

    kind: Kind
    name: str
    module: str
    attribute: str  # '' for a loose file in which the plugin is the only one
    origin: str  # distribution and version, or the file's path
    path: Path | None = None  # for a loose file

    @property
    def built_in(self) -> bool:
        """Whether it is brought by this package itself."""
        return self.path is None and self.module.startswith(_BUILT_IN)

    @property
    def is_installed(self) -> bool:
        """Whether it belongs to a distribution, whose version says what its code is."""
        return self.path is None and not self.origin.startswith("/")

    def load(self) -> Any:
        """The class or function itself; raises PluginError with the cause if it cannot be imported."""
        try:
            watched = [] if self.is_installed else [self.module]
            guard = contextlib.nullcontext() if self.built_in else preserve_state()
            with guard, footprint.watching(*watched):
                return self._pick(self._import())
        except PluginError:
            raise
        except (Exception, SystemExit) as error:
            cause = one_line(error)
            if _RELATIVE_IMPORT in cause:
                cause += "; a loose file is in no package: write `import helper`, or name it package.module:Class"
            raise PluginError(f"{self.kind} {self.name!r} ({self.origin}) cannot be imported: {cause}") from error

    def fingerprint(self) -> str:
        """Its distribution and version, and a digest of the code it is made of, found without importing it."""
        if self.path:
            return self._digest(self.path.stem, self.path)
        path = source.locate(self.module)
        if not self.is_installed:
            return self._digest(self.module, path) if path else ""
        if not path or _is_large(self.module, path):
            return self.origin
        return f"{self.origin}-{self._digest(self.module, path)}"

    def arguments(self) -> set[str] | None:
        """The arguments of its constructor by its source, without importing it; None where that does not tell them."""
        path = self.path or (source.locate(self.module) if self.built_in else None)
        try:
            return source.constructor_arguments(path, self.attribute) if path else None
        except (SyntaxError, ValueError, OSError):
            return None

    def files(self) -> dict[str, str]:
        """Files from elsewhere that its code was seen to import or read so far, with their digests."""
        if self.is_installed:
            return {}
        path = self.path or source.locate(self.module)
        name = path.stem if self.path and path else self.module
        own = set(source.own_modules(name, path, loose=self.path is not None).values()) if path else set()
        return footprint.files_of(self.module, own)

    def _import(self) -> ModuleType:
        return loose_files.load_file(self.module, self.path) if self.path else importlib.import_module(self.module)

    def _digest(self, module: str, path: Path) -> str:
        try:
            return source.fingerprint(module, path, loose=self.path is not None)
        except SyntaxError as error:
            raise PluginError(f"{self.kind} {self.name!r} ({self.origin}) is not Python: {error}") from None

    def _pick(self, module: ModuleType) -> Any:
        found = candidates(self.kind, module)
        if not self.attribute and len(found) == 1:
            return next(iter(found.values()))
        if not self.attribute:
            raise PluginError(ambiguous_message(self.kind, module, self.origin, self.path))
        if not hasattr(module, self.attribute):
            where = f"{self.kind} in {self.path or self.module} called"
            raise PluginError(did_you_mean(where, self.attribute, found))
        return getattr(module, self.attribute)


def names(kind: Kind) -> list[str]:
    """All names of a kind, sorted; nothing is imported."""
    return sorted(_entry_points(kind))


def plugins(kind: Kind) -> list[Plugin]:
    """All plugins of a kind, two of one name included; nothing is imported."""
    return [plugin for name in names(kind) for plugin in _entry_points(kind)[name]]


def find(kind: Kind, name: str) -> Plugin:
    """The plugin of a name, of a loose file or of an import path; not imported yet. UsageError where there is none."""
    if is_file(name):
        path = loose_files.path_of(name)
        attribute = name.partition(".py:")[2]
        return Plugin(kind, short_name(name), loose_files.module_name(path), attribute, str(path), path)
    if is_importable(name):
        return _importable(kind, name)
    known = _entry_points(kind)
    if name not in known:
        if is_here(f"{name}.py"):
            raise UsageError(f"No {kind} {name!r}. Did you mean './{name}.py'?")
        if "/" in name:
            raise UsageError(f"{name!r} is no path of a file: it ends in .py, and a comma or a colon ends a name.")
        raise UsageError(did_you_mean(kind, name, known))
    if len(known[name]) > 1:
        origins = " and ".join(plugin.origin for plugin in known[name])
        raise PluginError(f"{kind} {name!r} is brought by {origins}: uninstall one of them.")
    return known[name][0]


def _importable(kind: Kind, name: str) -> Plugin:
    """The plugin of 'package.module:Class'; the working folder is searched last."""
    module, _, attribute = name.partition(":")
    if module in _entry_points(kind):
        raise UsageError(
            f"{module!r} is an {kind}, so {name!r} would wrap {attribute!r}; inside a wrapper the name of an installed "
            "plugin has no capital letters."
        )
    loose_files.search_beside(Path.cwd() / "working folder")
    try:
        path = source.locate(module)
        found = path or importlib.util.find_spec(module)
    except (ImportError, ValueError, AttributeError):
        path = found = None
    if not found:
        raise UsageError(f"No module {module!r} can be imported for --arch {name}: install it, or mend the name.")
    return Plugin(kind, attribute, module, attribute, _distribution(module, path))


def _distribution(module: str, path: Path | None) -> str:
    """The distribution that a module belongs to, with its version; the module's path where it belongs to none."""
    top = module.partition(".")[0]
    owners = importlib.metadata.packages_distributions().get(top, [])
    if owners:
        return f"{owners[0]} {importlib.metadata.version(owners[0])}"
    return str(path) if path else module


def _is_large(module: str, path: Path) -> bool:
    """Whether a module is that of a library in site-packages, named by import: its version tells its code."""
    return path.is_relative_to(_site_packages()) and module.partition(".")[0] not in _plugin_packages()


@cache
def _site_packages() -> str:
    return sysconfig.get_paths()["purelib"]


@cache
def _plugin_packages() -> set[str]:
    """The top-level packages that bring entry points of ours."""
    kinds: tuple[Kind, ...] = ("architecture", "task", "report")
    return {plugin.module.partition(".")[0] for kind in kinds for plugin in plugins(kind)}


def is_here(file: str) -> bool:
    """Whether there is a file of this name."""
    try:
        return Path(file).is_file()
    except (OSError, ValueError):  # a name that no file can have
        return False


@cache
def _entry_points(kind: Kind) -> dict[str, list[Plugin]]:
    found: dict[str, list[Plugin]] = {}
    for entry in importlib.metadata.entry_points(group=f"harness.{kind}s"):
        module, _, attribute = entry.value.partition(":")
        origin = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "unknown distribution"
        plugin = Plugin(kind, entry.name, module.strip(), attribute.strip(), origin)
        if plugin not in found.setdefault(entry.name, []):
            found[entry.name].append(plugin)
    return found
