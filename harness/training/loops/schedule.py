"""The order of one step's work: products over all rows, and between them passes over the rows with few loops.

A step is a sequence of stages. A stage begins with products over all rows at once, and then goes over the rows; for
each row it runs loops over numbers, in which values of one shape are computed together.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from harness.training.loops.program import ROWS_FIRST, Buffer, Program, padded
from harness.training.loops.trace import CannotCompileError
from harness.training.loops.values import Operand, Value


@dataclass(eq=False)
class Item:
    """A piece of work in a loop over `shape`: computes a value, or writes one somewhere, or adds one up."""

    kind: Literal["map", "write", "add", "reduce", "batched"]
    shape: tuple[int, ...]
    reads: tuple[Operand | float, ...]
    value: Value | None = None  # what it computes, or the value that it writes a part of
    buffer: Buffer | None = None  # where it writes or adds up, if not into `value`
    offset: int = 0
    strides: tuple[int, ...] = ()
    stage: int = 0
    loop: int = 0


@dataclass(eq=False)
class Loop:
    shape: tuple[int, ...]
    items: list[Item] = field(default_factory=list)


@dataclass
class Stage:
    products: list[Value] = field(default_factory=list)
    loops: list[Loop] = field(default_factory=list)


@dataclass
class Schedule:
    stages: list[Stage]
    home: dict[Value, Buffer]  # where values are read from that are not in registers
    local: set[Value]  # those whose home is one row's memory
    outer: list[tuple[Value, Buffer]]  # products that add up over rows and steps, at the end
    extra: list[Buffer]  # arrays for one step, or for the steps that are added up together


class Scheduler:
    def __init__(self, program: Program) -> None:
        self.program = program
        self.stages: list[Stage] = []
        self.home: dict[Value, Buffer] = dict(program.memory)
        self.ready: dict[Value, tuple[int, int]] = {}  # the last stage and loop that write a value
        self.extra: list[Buffer] = []
        self.copies: dict[Value, Value] = {}
        self.direct = self._direct_stores()
        for value in program.values:
            self._place(value)
        self._place_stores()
        outer = self._place_sums()
        local = self._find_homes(outer)
        self.schedule = Schedule(self.stages, self.home, local, outer, self.extra)

    def _direct_stores(self) -> set[int]:
        """Values that are computed where they are to be stored; the others are copied there."""
        done = set()
        for number, (operand, buffer) in enumerate(self.program.stores):
            value = operand.value
            fit = operand.is_whole() and value not in self.home and value.kind != "map" and not value.given
            if fit and buffer.time != ROWS_FIRST:
                self.home[value] = buffer
                done.add(number)
        return done

    def _place(self, value: Value) -> None:
        if value.kind == "product":
            stage = max(self._after(operand) for operand in value.reads())
            self._stage(stage).products.append(value)
            self.ready[value] = (stage, -1)
        elif value.kind == "map":
            self._add(Item("map", value.shape, value.operands, value))
        elif value.kind == "reduce":
            (operand,) = value.reads()
            self._add(Item("reduce", operand.shape, value.operands, value), alone=True)
        elif value.kind == "batched":
            self._add(Item("batched", value.shape, value.operands, value), alone=True)
        elif value.kind == "join":
            self._place_join(value)
        elif value.kind == "place":
            self._place_place(value)
        else:
            raise AssertionError(value.kind)

    def _place_join(self, value: Value) -> None:
        strides = _dense(value.shape)
        last = (0, 0)
        for operand, offset in zip(value.reads(), value.offsets, strict=True):
            item = Item("write", operand.shape, (operand,), value, offset=offset, strides=strides)
            last = max(last, self._add(item))
        self.ready[value] = last

    def _place_place(self, value: Value) -> None:
        below, above = value.reads()
        assert value.region is not None
        region = Operand(value, value.region)
        shape = region.shape
        under = Item("write", value.shape, (below,), value, strides=_dense(value.shape))
        self.ready[value] = self._add(under)
        over = Item("write", shape, (above,), value, offset=region.offset, strides=region.strides(shape))
        self.ready[value] = self._add(over, after=self.ready[value])

    def _place_stores(self) -> None:
        for number, (operand, buffer) in enumerate(self.program.stores):
            if number in self.direct:
                continue
            self._add(Item("write", operand.shape, (operand,), buffer=buffer, strides=_dense(operand.shape)))
            if operand.is_whole() and operand.value not in self.home and buffer.time != ROWS_FIRST:
                self.home[operand.value] = buffer

    def _place_sums(self) -> list[tuple[Value, Buffer]]:
        outer = []
        for value, buffer in self.program.sums:
            if value.kind == "total":
                (operand,) = value.reads()
                buffer.stride = value.size
                self._add(Item("add", operand.shape, (operand,), buffer=buffer, strides=_dense(operand.shape)))
            else:
                value.operands = tuple(self._together(operand) for operand in value.reads())
                outer.append((value, buffer))
        return outer

    def _together(self, operand: Operand) -> Operand:
        """The operand in an array in which several steps' parts lie one after another."""
        value = operand.value
        if value.kind == "parameter" or not operand.differs:
            raise CannotCompileError("it multiplies a gradient with a parameter over the whole batch")
        home = self.home.get(value)
        if home is not None and home.adds_up:
            return operand
        if home is None and value.kind != "map" and not value.given:
            self.home[value] = self._ring(value)
            return operand
        if value not in self.copies:
            copy = self.copies[value] = Value("input", value.shape, pattern="copy")
            self.home[copy] = self._ring(copy)
            self._add(Item("write", value.shape, (value.whole(),), buffer=self.home[copy], strides=_dense(value.shape)))
            if home is None and value.kind == "map":
                self.home[value] = self.home[copy]
        return Operand(self.copies[value], operand.layout)

    def _ring(self, value: Value) -> Buffer:
        buffer = Buffer("ring", len(self.extra), padded(value.size), "t % together")
        self.extra.append(buffer)
        return buffer

    def _after(self, operand: Operand) -> int:
        """The stage whose products can use an operand."""
        if operand.value not in self.ready:
            return 0
        stage, loop = self.ready[operand.value]
        return stage if loop < 0 else stage + 1

    def _add(self, item: Item, alone: bool = False, after: tuple[int, int] = (0, -1)) -> tuple[int, int]:
        """Puts an item into the first loop that can take it."""
        reads = [operand for operand in item.reads if isinstance(operand, Operand) and operand.value in self.ready]
        stage = max([after[0], *(self.ready[operand.value][0] for operand in reads)])
        first = after[1] + 1 if after[0] == stage else 0
        for operand in reads:
            at, loop = self.ready[operand.value]
            if at == stage and loop >= 0:
                first = max(first, loop if self._in_register(item, operand, at, loop) else loop + 1)
        loops = self._stage(stage).loops
        fitting = [
            k for k in range(first, len(loops)) if loops[k].shape == item.shape and not alone and not _alone(loops[k])
        ]
        if fitting:
            found = fitting[0]
        else:
            loops.append(Loop(item.shape))
            found = len(loops) - 1
        loops[found].items.append(item)
        item.stage, item.loop = stage, found
        if item.value is not None and item.kind != "write":
            self.ready[item.value] = (stage, found)
        return stage, found

    def _in_register(self, item: Item, operand: Operand, stage: int, loop: int) -> bool:
        value = operand.value
        same = self.stages[stage].loops[loop].shape == item.shape == value.shape
        return value.kind == "map" and same and operand.is_whole()

    def _stage(self, number: int) -> Stage:
        while len(self.stages) <= number:
            self.stages.append(Stage())
        return self.stages[number]

    def _find_homes(self, outer: list[tuple[Value, Buffer]]) -> set[Value]:
        """Gives memory to what is read from there and has none: of one row, where its own stage alone reads it."""
        wide = {operand.value for value, _ in outer for operand in value.reads()}
        near: set[Value] = set()
        for number, stage in enumerate(self.stages):
            for value in stage.products:
                wide.update(operand.value for operand in value.reads())
                wide.add(value)
            for k, loop in enumerate(stage.loops):
                for item in loop.items:
                    near.update({item.value} if item.value is not None and item.kind != "map" else set())
                    for operand in item.reads:
                        if isinstance(operand, Operand) and not self._is_here(item, operand, number, k):
                            (near if self.ready.get(operand.value, (-1, 0))[0] == number else wide).add(operand.value)
        missing = {v for v in {*near, *wide} if v not in self.home and v.kind != "constant"}
        local = {value for value in missing if value not in wide}
        for value in self.program.values:
            if value in missing and value not in local:
                self.home[value] = Buffer("scratch", len(self.extra), padded(value.size), "0")
                self.extra.append(self.home[value])
        return local

    def _is_here(self, item: Item, operand: Operand, stage: int, loop: int) -> bool:
        """Whether an item finds an operand in a register of its own loop."""
        if self.ready.get(operand.value) != (stage, loop):
            return False
        return self._in_register(item, operand, stage, loop)


def _dense(shape: tuple[int, ...]) -> tuple[int, ...]:
    """Of an array without gaps; a dimension of one number takes no step."""
    return Value("input", shape).whole().strides(shape)


def _alone(loop: Loop) -> bool:
    return loop.items[0].kind in ("reduce", "batched")
