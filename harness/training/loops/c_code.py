"""Writes the two loops of a cell as a C file on top of `kernels.h`."""

from __future__ import annotations

from dataclasses import dataclass

from harness.training.loops.operations import literal
from harness.training.loops.program import ROWS_FIRST, Buffer, Program, Programs, padded
from harness.training.loops.schedule import Item, Loop, Schedule, Scheduler, Stage
from harness.training.loops.values import Operand, Value


@dataclass(frozen=True)
class Array:
    """What Python passes for a pointer."""

    role: str
    index: int
    stride: int = 1
    value: Value | None = None


_INCLUDES = ["#include <math.h>", "#include <stdint.h>", '#include "kernels.h"']
_HEAD = (
    "void {name}(size_t steps, size_t rows, size_t room, size_t together, const int64_t *lengths, float *const *a) {{"
)


class _Writer:
    def __init__(self, name: str, program: Program, states: list[int]) -> None:
        self.name, self.program, self.states = name, program, states
        self.schedule: Schedule = Scheduler(program).schedule
        self.arrays: dict[tuple[str, int], Array] = {}
        self.pointers: dict[str, str] = {}  # name in C: how it is set at a step
        self.numbers: dict[Value, int] = {}
        self.panels: dict[Value, int] = {}

    def function(self, backward: bool) -> tuple[str, list[Array]]:
        """The function in C, and the arrays that it takes."""
        work = [line for stage in self.schedule.stages for line in self._stage(stage)]
        work += [line for value, buffer in self.schedule.outer for line in self._outer(value, buffer)]
        before = self._frozen_back(first=True) if backward else []
        after = self._frozen_back(first=False) if backward else self._frozen_ahead()
        lines = [_HEAD.format(name=self.name)]
        lines.append("for (size_t t = steps; t-- > 0;) {" if backward else "for (size_t t = 0; t < steps; t++) {")
        lines += [f"float *const {name} = {place};" for name, place in self.pointers.items()]
        return "\n".join([*lines, *before, *work, *after, "}", "}"]), list(self.arrays.values())

    # where things are

    def _array(self, role: str, index: int, stride: int = 1, value: Value | None = None) -> int:
        key = (role, index)
        self.arrays.setdefault(key, Array(role, index, stride, value))
        return list(self.arrays).index(key)

    def _pointer(self, buffer: Buffer) -> str:
        number = self._array(buffer.role, buffer.index, buffer.stride, buffer.value)
        name = f"p{number}{_TIMES[buffer.time]}"
        if buffer.time == ROWS_FIRST:
            self.pointers[name] = f"a[{number}] + t * {buffer.stride}"
        elif buffer.time == "0":
            self.pointers[name] = f"a[{number}]"
        else:
            self.pointers[name] = f"a[{number}] + ({buffer.time}) * rows * {buffer.stride}"
        return name

    def _row_stride(self, buffer: Buffer) -> str:
        return f"steps * {buffer.stride}" if buffer.time == ROWS_FIRST else str(buffer.stride)

    def _number(self, value: Value) -> int:
        return self.numbers.setdefault(value, len(self.numbers))

    def _address(self, operand: Operand, shape: tuple[int, ...]) -> str:
        value = operand.value
        index = _index(operand.offset, operand.strides(shape))
        if value in self.schedule.local:
            return f"l{self._number(value)}[{index}]"
        buffer = self.schedule.home[value]
        row = f"row * ({self._row_stride(buffer)}) + " if operand.differs else ""
        return f"{self._pointer(buffer)}[{row}{index}]"

    # products

    def _matrix(self, operand: Operand, turned: bool = False) -> str:
        buffer = self.schedule.home[operand.value]
        (column,) = operand.strides((int(operand.layout.shape[1 - (operand.row or 0)]),)) or (0,)
        row = self._row_stride(buffer) if operand.differs else "0"
        first, second = (str(column), row) if turned else (row, str(column))
        return f"(matrix){{{self._pointer(buffer)} + {operand.offset}, {first}, {second}}}"

    def _product(self, value: Value) -> list[str]:
        buffer, terms, start = self.schedule.home[value], [], "NULL"
        reads = value.reads()
        if len(reads) % 2:
            start = f"a[{self._array('start', self._panel(reads[-1].value), value=reads[-1].value)}]"
        for left, right in zip(reads[::2], reads[1::2], strict=False):
            turned = right.layout.stride() != right.value.whole().layout.stride()
            w = self._array("panels turned" if turned else "panels", self._panel(right.value), value=right.value)
            terms.append(f"{{{right.layout.shape[0]}, {self._matrix(left)}, a[{w}]}}")
        listed = f"(term[]){{{', '.join(terms)}}}"
        sizes = f"rows, {value.shape[0]}, {len(terms)}"
        return [f"products({sizes}, {listed}, {start}, {self._pointer(buffer)}, {buffer.stride});"]

    def _panel(self, value: Value) -> int:
        return self.panels.setdefault(value, len(self.panels))

    def _outer(self, value: Value, buffer: Buffer) -> list[str]:
        left, right = value.reads()
        units, columns = value.shape
        stride = padded(columns)
        number = self._array(buffer.role, buffer.index, stride, value)
        home = self.schedule.home[right.value]
        return [
            "if (t % together == 0)",
            f"product(1, {units}, (steps - t < together ? steps - t : together) * rows, {columns}, "
            f"{self._matrix(left, turned=True)}, {self._pointer(home)} + {right.offset}, {home.stride}, 16, "
            f"a[{number}], {stride});",
        ]

    # loops over numbers

    def _stage(self, stage: Stage) -> list[str]:
        lines = [line for value in stage.products for line in self._product(value)]
        body = [line for loop in stage.loops for line in self._loop(loop)]
        if not body:
            return lines
        own = {item.value for loop in stage.loops for item in loop.items if item.value in self.schedule.local}
        rows = [f"float l{self._number(value)}[{value.size}];" for value in own if value is not None]
        return [*lines, "for (size_t row = 0; row < rows; row++) {", *sorted(rows), *body, "}"]

    def _loop(self, loop: Loop) -> list[str]:
        first = loop.items[0]
        if first.kind == "reduce":
            return self._reduce(first)
        if first.kind == "batched":
            return self._batched(first)
        self.here: dict[Value, str] = {}
        return _nest(loop.shape, [line for item in loop.items for line in self._item(item)])

    def _item(self, item: Item) -> list[str]:
        values = [self._read(one, item.shape) for one in item.reads]
        if item.kind == "map":
            assert item.value is not None
            name = f"v{self._number(item.value)}"
            lines = [f"const float {name} = {item.value.pattern.format(*values)};"]
            if item.value in self.schedule.local or self._is_stored_here(item.value):
                lines.append(f"{self._address(item.value.whole(), item.shape)} = {name};")
            self.here[item.value] = name
            return lines
        index = _index(item.offset, item.strides)
        if item.buffer is None:
            assert item.value is not None
            target = self._target(item.value, index)
        elif item.kind == "add":
            target = f"a[{self._array('sum', item.buffer.index, item.buffer.stride, item.buffer.value)}][{index}]"
        else:
            target = f"{self._pointer(item.buffer)}[row * ({self._row_stride(item.buffer)}) + {index}]"
        return [f"{target} {'+=' if item.kind == 'add' else '='} {values[0]};"]

    def _is_stored_here(self, value: Value) -> bool:
        buffer = self.schedule.home.get(value)
        return buffer is not None and buffer.role == "scratch"

    def _target(self, value: Value, index: str) -> str:
        if value in self.schedule.local:
            return f"l{self._number(value)}[{index}]"
        buffer = self.schedule.home[value]
        return f"{self._pointer(buffer)}[row * {buffer.stride} + {index}]"

    def _read(self, operand: Operand | float, shape: tuple[int, ...]) -> str:
        if not isinstance(operand, Operand):
            return literal(operand)
        if operand.value.kind == "constant":
            (number,) = operand.value.operands
            assert not isinstance(number, Operand)
            return literal(number)
        if operand.value in self.here and operand.is_whole():
            return self.here[operand.value]
        return self._address(operand, shape)

    def _reduce(self, item: Item) -> list[str]:
        value = item.value
        assert value is not None
        self.here = {}
        axes, shape = value.axes, item.shape
        kept = [axis for axis in range(len(shape)) if axis not in axes]
        read = self._read(item.reads[0], shape)
        strides = _kept_strides(shape, axes)
        target = self._target(value, _index(0, strides))
        sign = {"sum": "+", "amax": ">", "amin": "<"}[value.pattern]
        first = {"sum": "0.0f", "amax": "-INFINITY", "amin": "INFINITY"}[value.pattern]
        if not shape:
            return [f"{target} = {read};"]
        if shape and (len(shape) - 1) in axes:
            how = "sum += {0};" if sign == "+" else f"sum = sum {sign} {{0}} ? sum : {{0}};"
            kind = {"+": "+", ">": "max", "<": "min"}[sign]
            inner = _nest_over(axes, shape, [how.format(read)], f"reduction({kind}:sum)")
            return _nest_over(tuple(kept), shape, [f"float sum = {first};", *inner, f"{target} = sum;"], plain=True)
        clear = _nest_over(tuple(kept), shape, [f"{target} = {first};"])
        how = f"{target} += {read};" if sign == "+" else f"{target} = {target} {sign} {read} ? {target} : {read};"
        return [*clear, *_nest(shape, [how])]

    def _batched(self, item: Item) -> list[str]:
        left, right = (one for one in item.reads if isinstance(one, Operand))
        n, m = item.shape
        k = int(left.layout.shape[2])
        value = item.value
        assert value is not None
        self.here = {}
        a = self._address(Operand(left.value, left.layout.unsqueeze(2)), (n, 1, k))
        b = self._address(Operand(right.value, right.layout.transpose(1, 2).unsqueeze(1)), (1, m, k))
        target = self._target(value, f"i0 * {m} + i1")
        along = right.strides((k, m))
        if m == 1 or along[1] != 1:
            inner = _nest_over((2,), (n, m, k), [f"sum += {a} * {b};"], "reduction(+:sum)")
            return _nest_over((0, 1), (n, m, k), ["float sum = 0.0f;", *inner, f"{target} = sum;"], plain=True)
        clear = _nest_over((0, 1), (n, m, k), [f"{target} = 0.0f;"])
        inner = _nest_over((1,), (n, m, k), [f"{target} += left * {b};"])
        return [*clear, *_nest_over((0, 2), (n, m, k), [f"const float left = {a};", *inner], plain=True)]

    # rows that have ended

    def _frozen_ahead(self) -> list[str]:
        """Their states stay as they were."""
        lines = ["if (lengths)", "for (size_t row = 0; row < rows; row++)", "if ((int64_t)t >= lengths[row]) {"]
        for k, size in enumerate(self.states):
            stride = padded(size)
            number = self._array("state", k, stride)
            lines.append(
                f"for (size_t j = 0; j < {size}; j++) a[{number}][((t + 1) * rows + row) * {stride} + j] = "
                f"a[{number}][(t * rows + row) * {stride} + j];"
            )
        return [*lines, "}"]

    def _frozen_back(self, first: bool) -> list[str]:
        """What arrives at their states passes by the step: held while it is computed with zeros."""
        lines = ["if (lengths)", "for (size_t row = 0; row < rows; row++)", "if ((int64_t)t >= lengths[row]) {"]
        for k, size in enumerate(self.states):
            stride = padded(size)
            number, held = self._array("upon_state", k, stride), self._array("held", k, stride)
            hold = f"a[{held}][row * {stride} + j]"
            now = f"a[{number}][((t % 2) * rows + row) * {stride} + j]"
            then = f"a[{number}][(((t + 1) % 2) * rows + row) * {stride} + j]"
            work = f"{hold} = {now}, {now} = 0.0f;" if first else f"{then} = {hold};"
            lines.append(f"for (size_t j = 0; j < {size}; j++) {work}")
        return [*lines, "}"]


_TIMES = {
    "0": "",
    "t": "_now",
    "t + 1": "_next",
    "t % room": "_kept",
    "t % together": "_group",
    "t % 2": "_arrived",
    "(t + 1) % 2": "_sent",
    ROWS_FIRST: "_row",
}
"""How the pointer to a buffer's part at a step is called in C."""


def _index(offset: int, strides: tuple[int, ...]) -> str:
    parts = [f"i{d}" if stride == 1 else f"i{d} * {stride}" for d, stride in enumerate(strides) if stride]
    return " + ".join([*parts, *([str(offset)] if offset or not parts else [])])


def _kept_strides(shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    strides, step = [0] * len(shape), 1
    for axis in reversed(range(len(shape))):
        if axis not in axes:
            strides[axis] = step
            step *= shape[axis]
    return tuple(strides)


def _nest(shape: tuple[int, ...], body: list[str]) -> list[str]:
    return _nest_over(tuple(range(len(shape))), shape, body)


def _nest_over(
    axes: tuple[int, ...], shape: tuple[int, ...], body: list[str], simd: str = "", plain: bool = False
) -> list[str]:
    """Loops over some dimensions, the innermost of which the compiler takes several numbers at once."""
    if not axes:
        return ["{", *body, "}"]
    heads = [f"for (size_t i{axis} = 0; i{axis} < {shape[axis]}; i{axis}++)" for axis in axes]
    last = heads.pop()
    marked = [] if plain else [f"#pragma omp simd {simd}".rstrip()]
    return [*(f"{head} {{" for head in heads), *marked, f"{last} {{", *body, "}", *("}" for _ in heads)]


def write(programs: Programs) -> tuple[str, list[Array], list[Array]]:
    """The C file, and what its functions `forward` and `backward` are passed."""
    states = [operand.size for operand, buffer in programs.forward.stores if buffer.role == "state"]
    ahead, passed_ahead = _Writer("forward", programs.forward, states).function(backward=False)
    back, passed_back = _Writer("backward", programs.backward, states).function(backward=True)
    return "\n\n".join([*_INCLUDES, ahead, back, ""]), passed_ahead, passed_back
