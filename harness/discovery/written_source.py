"""The source of a class of a notebook or a script, as a module of its own: the class, and all that it uses."""

from __future__ import annotations
import __future__

import ast
import builtins
import dis
import inspect
import linecache
import math
import sys
from collections.abc import Iterator
from types import CodeType, ModuleType
from typing import Any

from harness.errors import UsageError

_WAY_OUT = "write it to a file (%%writefile my_cell.py begins its cell): architectures=['./my_cell.py']"
_PLAIN = (type(None), bool, int, float, str, bytes)


def module_of(plugin: type) -> str:
    """The text of a module that defines the class as it is here.

    Names that the class uses become imports, constants, or functions and classes written out before it. UsageError with
    the reason where its source is not kept, or where it uses an object that no file can hold, such as a tensor.
    """
    scope = vars(sys.modules[plugin.__module__]) if plugin.__module__ in sys.modules else {}
    collector = _Collector(plugin, scope)
    collector.define(plugin)
    future = ["from __future__ import annotations"] if collector.lazy else []
    return "\n".join([*future, *sorted(collector.imports), "", *collector.definitions, ""])


class _Collector:
    """Gathers what a class needs, each name once, each before what uses it."""

    def __init__(self, plugin: type, scope: dict[str, Any]) -> None:
        self.plugin = plugin
        self.scope = scope  # the names of the notebook
        self.lazy = scope.get("annotations") is __future__.annotations
        self.imports: set[str] = set()
        self.definitions: list[str] = []
        self.known: set[str] = set()

    def define(self, one: Any) -> None:
        """Writes out a class or a function, and before it all that it uses."""
        self.known.add(one.__name__)
        text = self._source(one)
        flags = __future__.annotations.compiler_flag if self.lazy else 0
        for name in _names_used(compile(text, "<source>", "exec", flags, dont_inherit=True)):
            if name not in self.known and not hasattr(builtins, name) and name in self.scope:
                self._need(name, self.scope[name])
        self.definitions.append(text)

    def _need(self, name: str, value: Any) -> None:
        """Makes a name of the notebook known in the module."""
        self.known.add(name)
        if isinstance(value, ModuleType):
            self.imports.add(f"import {value.__name__} as {name}")
        elif _is_plain(value):
            self.definitions.append(f"{name} = {value!r}")
        elif home := _home_of(name, value):
            self.imports.add(f"from {home[0]} import {home[1]} as {name}")
        elif inspect.isclass(value) or inspect.isfunction(value):
            self.define(value)
            if value.__name__ != name:
                self.definitions.append(f"{name} = {value.__name__}")
        else:
            raise self._refused(
                f"it uses {name}, a {type(value).__name__}, which a file cannot hold. Make it in the class, or"
            )

    def _source(self, one: Any) -> str:
        if one.__name__ == "<lambda>":
            raise self._refused("it uses a lambda: write a function with def, or")
        if inspect.isfunction(one) and one.__closure__:
            raise self._refused(f"it uses {one.__name__}, which is made inside another function: move it out, or")
        found = _definition(one)
        if found is None:
            raise self._refused(f"the source of {one.__name__} is not kept, as at Python's own prompt:")
        return found

    def _refused(self, why: str) -> UsageError:
        return UsageError(f"{self.plugin.__name__} cannot be given to other processes: {why} {_WAY_OUT}.")


def _definition(one: Any) -> str | None:
    """The text of a class or a function, decorators included; None where it is not kept.

    `inspect.getsource` finds no class of a notebook: a notebook has no file. Its cells are in `linecache`, under the
    file name that the code of a method has.
    """
    wanted = ast.ClassDef if inspect.isclass(one) else ast.FunctionDef
    for file, line in _places(one):
        lines = linecache.getlines(file)
        try:
            tree = ast.parse("".join(lines))
        except SyntaxError:  # of a cell that failed
            continue
        for node in reversed(tree.body):
            if isinstance(node, wanted) and node.name == one.__name__:
                first = min(part.lineno for part in (node, *node.decorator_list))
                if line is None or first <= line <= (node.end_lineno or 0):
                    return "".join(lines[first - 1 : node.end_lineno]).rstrip() + "\n"
    return None


def _places(one: Any) -> Iterator[tuple[str, int | None]]:
    """File and line of a function or of the methods of a class; for a class without any, where it may be defined."""
    parts = vars(one).values() if inspect.isclass(one) else [one]
    found = False
    for part in parts:
        function = inspect.unwrap(getattr(part, "__func__", part)) if callable(part) else part
        if inspect.isfunction(function) and function.__module__ == one.__module__:
            found = True
            yield function.__code__.co_filename, function.__code__.co_firstlineno
    if not found:
        script = getattr(sys.modules.get(one.__module__), "__file__", None)
        cells = [name for name, entry in linecache.cache.items() if len(entry) > 1 and entry[1] is None]
        yield from ((file, None) for file in ([script] if script else reversed(cells)))


def _names_used(code: CodeType) -> list[str]:
    """Names that code looks up in its module, in the order in which they come, those of nested code among them."""
    found: list[str] = []
    own: set[str] = set()
    for step in dis.get_instructions(code):
        if step.opname in ("STORE_NAME", "STORE_GLOBAL"):
            own.add(step.argval)
        elif step.opname == "LOAD_GLOBAL" or (step.opname == "LOAD_NAME" and step.argval not in own):
            found.append(step.argval)
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            found += _names_used(constant)
    return list(dict.fromkeys(found))


def _home_of(name: str, value: Any) -> tuple[str, str] | None:
    """Module and name under which another process finds this very object; None where there are none.

    Where an object does not say it, as `torch.zeros` does not, it is looked for in the modules that are loaded.
    """
    names = dict.fromkeys([getattr(value, "__name__", name), name])
    said = getattr(value, "__module__", None)
    shortest_first = sorted(sys.modules, key=lambda module: (module.count("."), module))
    for module in [*([said] if isinstance(said, str) else []), *shortest_first]:
        known = sys.modules.get(module)
        if module == "__main__" or getattr(known, "__spec__", None) is None:
            continue
        for own in names:
            if vars(known).get(own) is value:
                return module, own
    return None


def _is_plain(value: Any) -> bool:
    """Whether a value is written as Python has it."""
    if type(value) in (list, tuple, set, frozenset):
        return all(map(_is_plain, value))
    if type(value) is dict:
        return all(map(_is_plain, [*value, *value.values()]))
    return type(value) in _PLAIN and not (type(value) is float and not math.isfinite(value))
