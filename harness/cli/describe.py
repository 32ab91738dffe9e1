"""`harness describe NAME`: what an architecture or a task is, its options, its declarations."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import json
import sys
from collections.abc import Callable
from typing import Any

from harness.cli._flags import add_json, add_kind
from harness.discovery import registry, time_limit
from harness.discovery.kinds import kind_of
from harness.discovery.options import Option
from harness.errors import HarnessError, PluginError, UsageError, one_line
from harness.names import short_name
from harness.sweeps.arguments import completes


def add(verbs: Any) -> None:
    parser = verbs.add_parser(
        "describe",
        help="describe one architecture or task",
        description="Shows what an architecture or a task is, its options, its declarations and its paper.",
        epilog="examples:\n  harness describe lstm\n  harness describe adding\n  harness describe deep:gru\n"
        "  harness describe ./my_cell.py\n  harness describe lstm --search-space     # what harness tune searches",
    )
    completes(parser.add_argument("name", help="an architecture or a task"), "architecture", "task")
    add_kind(parser)
    add_json(parser)
    parser.add_argument("--search-space", action="store_true", help="ranges that harness tune searches")
    parser.set_defaults(call=call)


def call(arguments: argparse.Namespace) -> int:
    with contextlib.redirect_stdout(sys.stderr):  # whatever a plugin prints is not the result
        content = _content(arguments)
    print(json.dumps(content, indent=2, default=str) if arguments.json else _text(content))
    return 0


def _content(arguments: argparse.Namespace) -> dict[str, Any]:
    kind = arguments.kind or kind_of(arguments.name)
    if arguments.search_space:
        return _search_space(arguments.name, kind)
    return _architecture(arguments.name) if kind == "architecture" else _task(arguments.name)


def _architecture(name: str) -> dict[str, Any]:
    from harness.discovery.compose import compose
    from harness.discovery.variants import HIDDEN_SIZE
    from harness.spec import RunSpec
    from harness.sweeps.settings import recommended
    from harness.training.model import count_parameters

    composition = compose(name)
    parts = composition.parts
    described: dict[str, Any] = {
        "architecture": composition.display_name,
        "about": _about(parts[0].plugin),
    }
    described["reference"] = "; ".join(r for part in parts if (r := getattr(part.plugin, "reference", "")))
    facts = getattr(parts[-1].plugin, "facts", None)
    if facts is not None:
        described["facts"] = facts._asdict()
    described["options"] = {HIDDEN_SIZE: _option(Option(HIDDEN_SIZE, (int,), default=RunSpec.hidden_size), None)}
    described["options"] |= {
        f"{part.name}.{key}": _option(option, getattr(part.plugin, "search_space", {}).get(key))
        for part in parts
        for key, option in part.options.items()
    }
    if settings := recommended(composition):
        described["recommends"] = {f"--{key.replace('_', '-')}": value for key, value in settings.items()}
    if not any(option.required for part in parts for option in part.options.values()):
        size = RunSpec.hidden_size
        built = _made(name, lambda: composition.build(input_size=10, hidden_size=size))
        described["declares"] = {
            "causal": built.causal,
            "stateful": built.stateful,
            "longest": built.max_length or "any",
            "output_size": f"{built.output_size} at hidden_size {size}",
            "parameters": f"{count_parameters(built):,} at input_size 10, hidden_size {size}",
            "state": _state(name, built, size),
        }
    return described


def _state(name: str, built: Any, size: int) -> str:
    """How much is carried from step to step, seen after one step."""
    from torch import zeros

    from harness.training.model import state_size

    if not built.stateful:
        return "none"
    carried = state_size(_made(name, lambda: built(zeros(1, 1, built.input_size)))[1])
    return "not known" if carried is None else f"{carried:,} numbers at hidden_size {size}"


def _search_space(name: str, kind: registry.Kind) -> dict[str, Any]:
    """The settings of every run, and those that the parts declare, as `harness tune` searches them."""
    if kind == "task":
        raise UsageError(f"--search-space takes an architecture, and {name!r} is a task.")
    from harness.discovery.compose import compose
    from harness.spec import RunSpec
    from harness.tuning.space import space_of

    defaults = {key: option.default for key, option in compose(name).options.items()}
    space = space_of(name, {})
    shown = {
        key: {"range": str(one), "default": defaults.get(key, getattr(RunSpec, key, None))}
        for key, one in space.items()
    }
    return {"architecture": name, "search_space": shown}


def _task(name: str) -> dict[str, Any]:
    from harness.discovery.compose import load_task
    from harness.training.example import example_of

    part = load_task(name)
    plugin, options = part.plugin, part.options
    described: dict[str, Any] = {"task": short_name(name), "about": _about(plugin)}
    described["reference"] = getattr(plugin, "reference", "")
    described["options"] = {key: _option(option, None) for key, option in options.items()}
    if not any(option.required for option in options.values()):
        try:
            task = _made(name, plugin)
        except UsageError as error:  # it needs an option, or a package
            return {**described, "needs": str(error)}
        try:
            described["example"] = _made(name, lambda: example_of(task))._asdict()
        except PluginError as error:  # what is declared is shown all the same
            described["example failed"] = str(error)
        described["declares"] = {
            "inputs": str(task.inputs),
            "frame": _frame(task.inputs),
            "targets": str(task.targets),
            "answer read": {"each": "at each step", "last": "at the last step"}[task.readout],
            "accuracy over": task.accuracy_over,
            "needs a causal model": task.needs_causal,
            "solved at": f"{task.solved_at:.0%} accuracy",
            "lengths": f"from {task.min_length}; default {', '.join(map(str, task.default_lengths))}",
            "chance": _chance(task),
        }
    return described


def _chance(task: Any) -> str:
    """Chance at the usual lengths, and what the predictor behind it does where the task says so."""
    found = ", ".join(f"{task.chance(length):.2%} at {length}" for length in task.default_lengths)
    return f"{found} ({task.chance_is})" if task.chance_is else found


def _frame(inputs: Any) -> str:
    """How the core feeds the inputs of a task unless --embedding says otherwise."""
    from harness.training.frame import embedding_of

    return {"none": "vectors as they are"}.get(embedding_of(inputs, None), embedding_of(inputs, None))


def _made(name: str, make: Callable[[], Any]) -> Any:
    """Calls `make`, and turns an error of the plugin into one line."""
    try:
        with time_limit.within(time_limit.SECONDS, f"Making {name!r}"):
            return make()
    except HarnessError:
        raise
    except ValueError as error:
        raise UsageError(f"{name!r} cannot be made with its defaults: {error}") from error
    except Exception as error:
        raise PluginError(f"{name!r} cannot be made with its defaults: {one_line(error)}") from error


def _about(plugin: Any) -> str:
    """The docstring of the class, or of its module where the class has none of its own."""
    own = plugin.__dict__.get("__doc__") if inspect.isclass(plugin) else plugin.__doc__
    return inspect.cleandoc(own or getattr(inspect.getmodule(plugin), "__doc__", "") or "")


def _option(option: Option, space: Any) -> dict[str, Any]:
    described: dict[str, Any] = {"takes": option.kind}
    if not option.required:
        described["default"] = option.default
    if space is not None:
        described["tuned over"] = str(space)
    return described


def _text(content: dict[str, Any]) -> str:
    (kind, name), *rest = content.items()
    lines = [f"{kind} {name}"]
    for title, value in rest:
        if not value:
            continue
        if title == "example":
            lines += ["", *_example_lines(value)]
        elif isinstance(value, dict):
            lines += [f"\n{title}:", *(f"  {key}: {_inline(inner)}" for key, inner in value.items())]
        else:
            lines += ["", value if title == "about" else f"{title}: {value}".replace("; ", "\n  ")]
    if content.get("options"):
        lines += ["", "Set one with --set NAME=VALUE. The part before the dot is optional if the name is unique."]
    return "\n".join(lines)


def _example_lines(value: dict[str, Any]) -> list[str]:
    """The example of a task, and what its marks mean."""
    from harness.training.example import Example, example_text

    example = Example(**value)
    lines = example_text(example).splitlines()
    marks = "; ^: the accuracy counts it" if any(line.startswith("scored") for line in lines) else ""
    marks += "; a dot: nothing is asked" if "." in example.answers else ""
    return [f"example, length {example.length}{marks}:", *(f"  {line}".rstrip() for line in lines)]


def _inline(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(
            _inline(inner) if key == "takes" else f"{key} {_inline(inner)}" for key, inner in value.items()
        )
    return str(value).lower() if isinstance(value, bool) else str(value)
