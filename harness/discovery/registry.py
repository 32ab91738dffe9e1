"""Names to plugins: through entry points, ours by the same road as a stranger's, and through loose files."""

from __future__ import annotations

import difflib
import importlib.metadata
import importlib.util
import inspect
import sys
import traceback
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from harness.discovery import source
from harness.errors import PluginError, UsageError, did_you_mean, one_line
from harness.names import is_file, short_name

Kind = Literal["architecture", "task", "report"]
_BUILT_IN = ("harness.plugins.", "harness.tasks.", "harness.reports.")
_LOOSE = "harness_loose_"  # what the modules of loose files are called, before their stem


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

    def load(self) -> Any:
        """The class or function itself; raises PluginError with the cause if it cannot be imported."""
        try:
            module = _load_file(self.module, self.path) if self.path else importlib.import_module(self.module)
            return self._pick(module)
        except PluginError:
            raise
        except (Exception, SystemExit) as error:
            cause = one_line(error)
            raise PluginError(f"{self.kind} {self.name!r} ({self.origin}) cannot be imported: {cause}") from error

    def fingerprint(self) -> str:
        """The version of its distribution, and a digest of the code it is made of, found without importing it."""
        if self.path:
            return self._digest(self.path.stem, self.path)
        path = source.locate(self.module)
        version = self.origin.rpartition(" ")[2]
        return f"{version}-{self._digest(self.module, path)}" if path else version

    def _digest(self, module: str, path: Path) -> str:
        try:
            return source.fingerprint(module, path, loose=self.path is not None)
        except SyntaxError as error:
            raise PluginError(f"{self.kind} {self.name!r} ({self.origin}) is not Python: {error}") from None

    def _pick(self, module: ModuleType) -> Any:
        if self.attribute:
            if not hasattr(module, self.attribute):
                known = [name for name, value in vars(module).items() if _fits(self.kind, value, module)]
                raise PluginError(
                    did_you_mean(f"{self.kind} in {self.path or self.module} called", self.attribute, known)
                )
            return getattr(module, self.attribute)
        found = {name: value for name, value in vars(module).items() if _fits(self.kind, value, module)}
        if len(found) != 1:
            raise PluginError(_ambiguous(self, sorted(found), _near_misses(self.kind, module)))
        return next(iter(found.values()))


def names(kind: Kind) -> list[str]:
    """All names of a kind, sorted; nothing is imported."""
    return sorted(_entry_points(kind))


def plugins(kind: Kind) -> list[Plugin]:
    """All plugins of a kind, two of one name included; nothing is imported."""
    return [plugin for name in names(kind) for plugin in _entry_points(kind)[name]]


def find(kind: Kind, name: str) -> Plugin:
    """The plugin of a name or of a loose file (`./cell.py`, `./cell.py:Cell`); not imported yet."""
    if is_file(name):
        return _loose(kind, name)
    known = _entry_points(kind)
    if name not in known:
        if Path(f"{name}.py").is_file():
            raise UsageError(f"No {kind} {name!r}. Did you mean './{name}.py'?")
        raise UsageError(did_you_mean(kind, name, known))
    if len(known[name]) > 1:
        origins = " and ".join(plugin.origin for plugin in known[name])
        raise PluginError(f"{kind} {name!r} is brought by {origins}: uninstall one of them.")
    return known[name][0]


def place(error: BaseException) -> str:
    """Where in a plugin's own code an error came up, such as 'my_cell.py:12', the innermost line; '' if nowhere."""
    for frame, line in reversed(list(traceback.walk_tb(error.__traceback__))):
        file = Path(frame.f_code.co_filename)
        if _is_of_a_plugin(frame.f_globals.get("__name__", ""), file):
            return f"{file.name}:{line}"
    return ""


def defined_at(plugin: type) -> str:
    """Where a class is defined, such as 'my_task.py:7', or its module where that has no source."""
    try:
        return f"{Path(inspect.getfile(plugin)).name}:{inspect.getsourcelines(plugin)[1]}"
    except (OSError, TypeError):
        return plugin.__module__


def told(error: BaseException) -> str:
    """A plugin's error in one line, with its place: 'RuntimeError: no weights (my_cell.py:12)'."""
    said = f"{type(error).__name__}: {error}".splitlines()[0].rstrip(": ")
    if isinstance(error, SystemExit):
        said = f"the plugin called sys.exit({error.code})"
    where = place(error)
    return f"{said} ({where})" if where else said


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


def _is_of_a_plugin(module: str, file: Path) -> bool:
    """Whether a module is of an installed plugin's package, or is a loose file that was loaded, or lies beside one."""
    kinds: tuple[Kind, ...] = ("architecture", "task")
    tops = {plugin.module.partition(".")[0] for kind in kinds for plugin in plugins(kind)}
    if module.partition(".")[0] == "harness":
        return module.startswith(("harness.plugins.", "harness.tasks."))
    loose = [getattr(sys.modules[name], "__file__", "") for name in list(sys.modules) if name.startswith(_LOOSE)]
    return module.partition(".")[0] in tops or file.parent in {Path(path).parent for path in loose}


def _loose(kind: Kind, name: str) -> Plugin:
    file, _, attribute = name.partition(".py:")
    path = Path(file if file.endswith(".py") else f"{file}.py").expanduser().resolve()
    if not path.is_file():
        near = difflib.get_close_matches(
            path.name, [file.name for file in path.parent.glob("*.py") if file.is_file()], n=1
        )
        hint = f" Did you mean {path.with_name(near[0])}?" if near else ""
        raise UsageError(f"There is no file {path}.{hint}")
    module = f"{_LOOSE}{path.stem}_{sha256(str(path).encode()).hexdigest()[:8]}"
    return Plugin(kind, short_name(name), module, attribute, str(path), path)


def _load_file(name: str, path: Path) -> ModuleType:
    """Imports a file under a stable name, so that its classes can be found again by that name."""
    if name in sys.modules:
        return sys.modules[name]
    if str(path.parent) not in sys.path:
        sys.path.append(str(path.parent))  # the file may import what lies beside it
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
        _check_neighbours(path)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check_neighbours(path: Path) -> None:
    """Python keeps one module of a name: the file must have been given those beside it, not another folder's."""
    for name, own in source.own_modules(path.stem, path, loose=True).items():
        file = getattr(sys.modules.get(name), "__file__", None)
        if own != path and file and Path(file).resolve() != own.resolve():
            raise PluginError(f"{path} imports {name!r} and got {file}, not {own}: rename one of the two.")


def _fits(kind: Kind, value: Any, module: ModuleType) -> bool:
    """Whether something defined in a loose file can be the plugin meant; `_Private` classes are helpers."""
    if not inspect.isclass(value) or value.__module__ != module.__name__ or inspect.isabstract(value):
        return False
    if value.__name__.startswith("_"):
        return False
    if kind == "task":
        return callable(getattr(value, "sample", None)) and callable(getattr(value, "chance", None))
    return callable(getattr(value, "forward", None)) and {"input_size", "hidden_size"} <= set(
        inspect.signature(value).parameters
    )


def _near_misses(kind: Kind, module: ModuleType) -> list[str]:
    """What a loose file's own classes with a `forward` are made from, such as 'MyCell(input_size)'."""
    own = [value for value in vars(module).values() if inspect.isclass(value) and value.__module__ == module.__name__]
    modules = [cls for cls in own if kind == "architecture" and callable(getattr(cls, "forward", None))]
    return [f"{cls.__name__}({', '.join(inspect.signature(cls).parameters)})" for cls in modules]


def _ambiguous(plugin: Plugin, found: list[str], near: list[str]) -> str:
    if not found:
        needs = "methods sample and chance" if plugin.kind == "task" else "a constructor (input_size, hidden_size)"
        seen = f" There is {' and '.join(near)}." if near else ""
        return f"{plugin.origin} holds no {plugin.kind}: no class of its own with {needs}.{seen}"
    choices = " or ".join(f"{plugin.path.name}:{name}" for name in found if plugin.path)
    return f"{plugin.origin} holds {len(found)} of them: {', '.join(found)}. Say which: {choices}"
