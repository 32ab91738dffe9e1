"""What a loop does at each step, forward and backward: which values it computes, keeps and adds up."""

from __future__ import annotations

from dataclasses import dataclass, field

from harness.loops.graph import Operand, StepGraph, Value, costly

GIVEN = ("input", "parameter", "constant")


@dataclass(eq=False)
class Buffer:
    """An array in memory that a loop is given, with `stride` numbers for each row (a multiple of 16 or 1)."""

    role: str
    index: int = 0  # among those of one role
    stride: int = 1
    time: str = "0"  # which step's part of it is meant, in C; "rows first" where it is (rows, steps, stride)
    value: Value | None = None

    @property
    def adds_up(self) -> bool:
        """Whether the parts of several steps lie one after another, so that one product can take them together."""
        return self.time in ("t", "t + 1", "t % room", "t % together")


@dataclass
class Program:
    """One direction."""

    values: list[Value]  # in an order in which they can be computed
    memory: dict[Value, Buffer]  # what is there before
    stores: list[tuple[Operand, Buffer]] = field(default_factory=list)
    sums: list[tuple[Value, Buffer]] = field(default_factory=list)


@dataclass
class Programs:
    forward: Program
    backward: Program
    kept: list[Buffer]
    parameters: list[Buffer]


def padded(size: int) -> int:
    """Numbers from one row to the next: products write sixteen at a time."""
    return size if size == 1 else -(-size // 16) * 16


def split(graph: StepGraph) -> Programs:
    """The two directions, and what the first one keeps for the second."""
    roots = [*graph.outputs, *graph.upon_states]
    roots += [graph.upon_input] if graph.upon_input is not None else []
    _merge_products([operand.value for operand in roots], graph.sums)
    forward = _order([operand.value for operand in graph.outputs])
    late_roots = [operand.value for operand in roots[len(graph.outputs) :]] + graph.sums
    backward = _order(late_roots)
    states = {operand.value: k for k, operand in enumerate(graph.outputs[1:]) if _is_state(operand)}
    kept = _kept(backward, set(states))
    inputs = {value.pattern: value for value in _order([*forward, *backward]) if value.kind == "input"}
    parameters = [Buffer("parameter", k, value.size, value=value) for k, value in enumerate(graph.parameters)]
    rooms = [Buffer("kept", k, padded(value.size), "t % room", value) for k, value in enumerate(kept)]
    shared = {buffer.value: buffer for buffer in parameters if buffer.value is not None} | _inputs(inputs)
    ahead = Program([v for v in forward if v.kind not in GIVEN], dict(shared))
    ahead.stores = [(operand, Buffer("state", k, padded(_count(operand)), "t + 1")) for k, operand in enumerate(graph.outputs[1:])]
    ahead.stores += [(value.whole(), buffer) for value, buffer in zip(kept, rooms, strict=True)]
    ahead.stores += [(graph.outputs[0], Buffer("out", 0, _count(graph.outputs[0]), "rows first"))]
    memory = dict(shared)
    memory.update({value: Buffer("state", k, padded(value.size), "t + 1") for value, k in states.items()})
    memory.update({value: buffer for value, buffer in zip(kept, rooms, strict=True)})
    back = Program([v for v in _order(late_roots, set(memory)) if v not in memory and v.kind not in (*GIVEN, "outer", "total")], memory)
    for k, operand in enumerate(graph.upon_states):
        back.stores.append((operand, Buffer("upon_state", k, padded(_count(operand)), "(t + 1) % 2")))
    if graph.upon_input is not None:
        back.stores.append((graph.upon_input, Buffer("upon_input", 0, padded(_count(graph.upon_input)), "t")))
    back.sums = [(value, Buffer("sum", k, value=value)) for k, value in enumerate(graph.sums)]
    return Programs(ahead, back, rooms, parameters)


def _count(operand: Operand) -> int:
    size = 1
    for length in operand.layout.shape[1:]:
        size *= length
    return size


def _is_state(operand: Operand) -> bool:
    return operand.is_whole() and operand.value.kind not in GIVEN


def _inputs(named: dict[str, Value]) -> dict[Value, Buffer]:
    buffers = {}
    for name, value in named.items():
        if name == "x":
            buffers[value] = Buffer("x", 0, padded(value.size), "t")
        elif name == "upon_out":
            buffers[value] = Buffer("upon_out", 0, value.size, "rows first")
        else:
            late = name.startswith("upon")
            role, index = ("upon_state", int(name[10:])) if late else ("state", int(name[5:]))
            buffers[value] = Buffer(role, index, padded(value.size), "t % 2" if late else "t")
    return buffers


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
    needed = [value for value in read if not value.late and value.kind not in GIVEN and value not in there]
    kept = dict.fromkeys(value for value in needed if costly(value) or value.size == 1)
    for value in needed:
        if value not in kept and not _cheap(value, {*kept, *there}):
            kept[value] = None
    return list(kept)


def _cheap(value: Value, there: set[Value]) -> bool:
    """Whether a value can be had from what is there by a few instructions."""
    if value.kind in GIVEN or value in there:
        return True
    return not costly(value) and all(_cheap(operand.value, there) for operand in value.reads())


def _merge_products(roots: list[Value], sums: list[Value]) -> None:
    """Sums of products with parameters become one product each, which adds up in memory."""
    values = _order([*roots, *sums])
    uses: dict[Value, int] = {}
    for value in [*roots, *sums]:
        uses[value] = uses.get(value, 0) + 1
    for value in values:
        for operand in value.reads():
            uses[operand.value] = uses.get(operand.value, 0) + 1
    for value in reversed(values):
        if value.kind == "map" and value.pattern == "{0} + {1}":
            _merge(value, uses)


def _merge(total: Value, uses: dict[Value, int]) -> None:
    leaves = _leaves(total, uses)
    products = [leaf for leaf in leaves if _alone(leaf, total, uses) and leaf.value.kind == "product"]  # type: ignore[union-attr]
    if len(products) < 2:
        return
    first = products[0]
    assert isinstance(first, Operand)
    first.value.operands = tuple(one for leaf in products for one in leaf.value.operands)  # type: ignore[union-attr]
    others = [leaf for leaf in leaves if leaf not in products]
    if not others:
        total.kind, total.pattern, total.operands = "product", "", first.value.operands
        return
    total.pattern = " + ".join(f"{{{k}}}" for k in range(len(others) + 1))
    total.operands = (first, *others)


def _leaves(total: Value, uses: dict[Value, int]) -> list[Operand | float]:
    found: list[Operand | float] = []
    for operand in total.operands:
        nested = _alone(operand, total, uses) and operand.value.kind == "map" and operand.value.pattern == "{0} + {1}"  # type: ignore[union-attr]
        found += _leaves(operand.value, uses) if nested else [operand]  # type: ignore[union-attr]
    return found


def _alone(operand: Operand | float, total: Value, uses: dict[Value, int]) -> bool:
    """Whether a value is used here only, as it is."""
    if not isinstance(operand, Operand):
        return False
    return operand.is_whole() and uses[operand.value] == 1 and operand.value.shape == total.shape

