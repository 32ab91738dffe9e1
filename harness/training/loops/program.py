"""What a loop does at each step, forward and backward: which values it computes, keeps and adds up."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.training.loops.graph import StepGraph
from harness.training.loops.operations import COSTLY, aten
from harness.training.loops.values import Operand, Value, costly

ROWS_FIRST = "rows first"


@dataclass(eq=False)
class Buffer:
    """An array that a loop is given, with `stride` numbers for each row."""

    role: str
    index: int = 0  # among those of one role
    stride: int = 1
    time: str = "0"  # which step's part is meant, in C; ROWS_FIRST: the array is (rows, steps, stride)
    value: Value | None = None

    @property
    def adds_up(self) -> bool:
        """Whether the parts of several steps lie one after another, so that one product can take them together."""
        return self.time in ("t", "t + 1", "t % room", "t % together")


@dataclass
class Program:
    """One direction: what is computed at a step, what is there before, what is written, what is added up."""

    values: list[Value]
    memory: dict[Value, Buffer]
    stores: list[tuple[Operand, Buffer]] = field(default_factory=list)
    sums: list[tuple[Value, Buffer]] = field(default_factory=list)


@dataclass
class Programs:
    forward: Program
    backward: Program


def padded(size: int) -> int:
    """Numbers from one row to the next: products write sixteen at a time."""
    return -(-size // 16) * 16


def split(graph: StepGraph) -> Programs:
    """The two directions."""
    upon = [*graph.upon_states, *([graph.upon_input] if graph.upon_input is not None else [])]
    ahead, back = [operand.value for operand in graph.outputs], [operand.value for operand in upon]
    sums = list(graph.sums.values())
    _merge_products([*ahead, *back], sums)
    back += sums
    states = {one.value: k for k, one in enumerate(graph.outputs[1:]) if one.is_whole() and not one.value.given}
    kept = {
        value: Buffer("kept", k, padded(value.size), "t % room")
        for k, value in enumerate(_kept(_order(back), set(states)))
    }
    given = _given(graph, _order([*ahead, *back]))
    forward = Program([value for value in _order([*ahead, *kept]) if not value.given], dict(given))
    forward.stores = [(value.whole(), buffer) for value, buffer in kept.items()]
    forward.stores += [(one, _state("state", k, one, "t + 1")) for k, one in enumerate(graph.outputs[1:])]
    forward.stores += [(graph.outputs[0], Buffer("out", 0, graph.outputs[0].size, ROWS_FIRST))]
    memory = {**given, **{value: _state("state", k, value.whole(), "t + 1") for value, k in states.items()}, **kept}
    computed = [value for value in _order(back, set(memory)) if value not in memory and not value.given]
    backward = Program([value for value in computed if value.kind not in ("outer", "total")], memory)
    backward.stores = [(one, _state("upon_state", k, one, "(t + 1) % 2")) for k, one in enumerate(graph.upon_states)]
    if graph.upon_input is not None:
        backward.stores += [(graph.upon_input, _state("upon_input", 0, graph.upon_input, "t"))]
    backward.sums = [(value, Buffer("sum", k, value=value)) for k, value in enumerate(sums)]
    return Programs(forward, backward)


def _state(role: str, index: int, operand: Operand, time: str) -> Buffer:
    return Buffer(role, index, padded(operand.size), time)


def _given(graph: StepGraph, values: list[Value]) -> dict[Value, Buffer]:
    """Where the inputs and the parameters are."""
    found = {value: Buffer("parameter", k, value.size, value=value) for k, value in enumerate(graph.parameters)}
    for value in values:
        name, part = value.pattern.rstrip("0123456789"), value.pattern.lstrip("abcdefghijklmnopqrstuvwxyz_")
        if value.kind == "input" and name == "upon_out":
            found[value] = Buffer(name, 0, value.size, ROWS_FIRST)
        elif value.kind == "input":
            found[value] = _state(name, int(part or 0), value.whole(), "t % 2" if value.late else "t")
    return found


def _order(roots: list[Value], stop: set[Value] | None = None) -> list[Value]:
    """The roots and all that they are computed from, each after what it needs; what is in `stop` needs nothing."""
    found: dict[Value, None] = {}
    waiting = [(root, False) for root in reversed(roots)]
    while waiting:
        value, ready = waiting.pop()
        if value in found:
            continue
        if ready or (stop is not None and value in stop):
            found[value] = None
        else:
            waiting.append((value, True))
            waiting.extend((operand.value, False) for operand in reversed(value.reads()))
    return list(found)


def _kept(backward: list[Value], there: set[Value]) -> list[Value]:
    """Values of the way ahead that the way back reads from memory; it computes the other ones again."""
    late = [value for value in backward if value.late]
    read = dict.fromkeys(operand.value for value in late for operand in value.reads())
    needed = [value for value in read if not value.late and not value.given and value not in there]
    kept = dict.fromkeys(value for value in needed if _is_better_kept(value, there))
    for value in needed:
        if value not in kept and not _is_cheap(value, {*kept, *there}):
            kept[value] = None
    return list(kept)


def _is_better_kept(value: Value, there: set[Value]) -> bool:
    return value.size == 1 or (costly(value) and not _is_one_away(value, there))


def _is_one_away(value: Value, there: set[Value]) -> bool:
    """Whether it is the sigmoid or tanh of what is in memory anyway: computing it is as fast as reading it."""
    near = all(operand.value.given or operand.value in there for operand in value.reads())
    return near and value.pattern in (COSTLY[aten.tanh.default], COSTLY[aten.sigmoid.default])


def _is_cheap(value: Value, there: set[Value]) -> bool:
    """Whether a value can be had from what is there by a few instructions."""
    if value.given or value in there:
        return True
    few = not costly(value) or _is_one_away(value, there)
    return few and all(_is_cheap(operand.value, there) for operand in value.reads())


def _merge_products(roots: list[Value], sums: list[Value]) -> None:
    """Sums of products with parameters, and of a vector of parameters, become one product each."""
    values = _order([*roots, *sums])
    uses = dict.fromkeys(values, 0)
    for used in [*roots, *(operand.value for value in values for operand in value.reads())]:
        uses[used] += 1
    for value in reversed(values):
        if value.kind == "map" and value.pattern == "{0} + {1}":
            _merge(value, uses)


def _merge(total: Value, uses: dict[Value, int]) -> None:
    leaves = _leaves(total, uses)
    operands = [leaf for leaf in leaves if isinstance(leaf, Operand)]
    products = [one for one in operands if one.value.kind == "product" and _is_alone(one, total, uses)]
    products = [one for one in products if len(one.value.operands) % 2 == 0]
    if not products:
        return
    start = [one for one in operands if one.value.kind == "parameter" and one.shape == total.shape and one.is_whole()][
        :1
    ]
    first = products[0].value
    first.operands = (*(part for one in products for part in one.value.operands), *start)
    first.late = any(one.value.late for one in products)
    others = [leaf for leaf in leaves if leaf not in products and leaf not in start]
    if others:
        total.pattern = " + ".join(f"{{{k}}}" for k in range(len(others) + 1))
        total.operands = (first.whole(), *others)
    else:
        total.kind, total.pattern, total.operands = "product", "", first.operands


def _leaves(total: Value, uses: dict[Value, int]) -> list[Operand | float]:
    """What a sum of sums adds up."""
    found: list[Operand | float] = []
    for operand in total.operands:
        nested = (
            isinstance(operand, Operand) and operand.value.pattern == "{0} + {1}" and _is_alone(operand, total, uses)
        )
        found += _leaves(operand.value, uses) if isinstance(operand, Operand) and nested else [operand]
    return found


def _is_alone(operand: Operand, total: Value, uses: dict[Value, int]) -> bool:
    """Whether a value is used in this sum only, as it is."""
    return operand.is_whole() and uses[operand.value] == 1 and operand.value.shape == total.shape
