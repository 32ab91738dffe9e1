"""torch's elementwise operations as expressions of C; `{0}` is the first operand."""

from __future__ import annotations

import math
from typing import Any

import torch

aten = torch.ops.aten

PLAIN: dict[Any, str] = {
    aten.neg.default: "-{0}",
    aten.mul.Tensor: "{0} * {1}",
    aten.mul.Scalar: "{0} * {1}",
    aten.div.Tensor: "{0} / {1}",
    aten.div.Scalar: "{0} / {1}",
    aten.reciprocal.default: "1.0f / {0}",
    aten.abs.default: "fabsf({0})",
    aten.sign.default: "sign_of({0})",
    aten.sgn.default: "sign_of({0})",
    aten.relu.default: "({0} <= 0.0f ? 0.0f : {0})",
    aten.maximum.default: "larger({0}, {1})",
    aten.minimum.default: "smaller({0}, {1})",
    aten.clamp_min.default: "larger({0}, {1})",
    aten.clamp_max.default: "smaller({0}, {1})",
    aten.clamp_min.Tensor: "larger({0}, {1})",
    aten.clamp_max.Tensor: "smaller({0}, {1})",
    aten.where.self: "({0} != 0.0f ? {1} : {2})",
    aten.where.ScalarSelf: "({0} != 0.0f ? {1} : {2})",
    aten.where.ScalarOther: "({0} != 0.0f ? {1} : {2})",
    aten.where.Scalar: "({0} != 0.0f ? {1} : {2})",
    aten.logical_not.default: "({0} == 0.0f ? 1.0f : 0.0f)",
    aten.bitwise_not.default: "({0} == 0.0f ? 1.0f : 0.0f)",
    aten.floor.default: "floorf({0})",
    aten.ceil.default: "ceilf({0})",
    aten.trunc.default: "truncf({0})",
    aten.round.default: "rintf({0})",
    aten.square.default: "{0} * {0}",
    aten.isnan.default: "({0} != {0} ? 1.0f : 0.0f)",
    aten.fmod.Tensor: "fmodf({0}, {1})",
}
"""What takes a few instructions: computed again where it is needed rather than kept."""

for _name, _sign in {"eq": "==", "ne": "!=", "gt": ">", "ge": ">=", "lt": "<", "le": "<="}.items():
    for _kind in ("Tensor", "Scalar"):
        PLAIN[getattr(getattr(aten, _name), _kind)] = f"({{0}} {_sign} {{1}} ? 1.0f : 0.0f)"
for _name, _sign in {"and": "&&", "or": "||"}.items():
    _both = f"({{0}} != 0.0f {_sign} {{1}} != 0.0f ? 1.0f : 0.0f)"
    PLAIN[getattr(aten, f"logical_{_name}").default] = PLAIN[getattr(aten, f"bitwise_{_name}").Tensor] = _both

COSTLY: dict[Any, str] = {
    aten.sigmoid.default: "sigmoid({0})",
    aten.tanh.default: "hyperbolic_tangent({0})",
    aten.exp.default: "any_exponential({0})",
    aten.log.default: "logarithm({0})",
    aten.log1p.default: "logarithm_of_one_and({0})",
    aten.sqrt.default: "sqrtf({0})",
    aten.rsqrt.default: "1.0f / sqrtf({0})",
    aten.pow.Tensor_Tensor: "powf({0}, {1})",
    aten.pow.Scalar: "powf({0}, {1})",
    aten.atan2.default: "atan2f({0}, {1})",
}
_LIBRARY = "sin cos tan asin acos atan sinh cosh asinh acosh atanh exp2 expm1 log2 log10 erf erfc"
COSTLY.update({getattr(aten, name).default: f"{name}f({{0}})" for name in _LIBRARY.split(" ")})

SAME = {
    aten.alias.default,
    aten.clone.default,
    aten.detach.default,
    aten.contiguous.default,
    aten.lift_fresh_copy.default,
    aten._to_copy.default,
    torch.ops.prims.convert_element_type.default,
}
"""What changes no value; a change of the number type is seen in the result."""

VIEWS = {
    aten.view.default,
    aten._unsafe_view.default,
    aten.reshape.default,
    aten.permute.default,
    aten.transpose.int,
    aten.t.default,
    aten.unsqueeze.default,
    aten.squeeze.default,
    aten.squeeze.dim,
    aten.squeeze.dims,
    aten.expand.default,
    aten.slice.Tensor,
    aten.select.int,
    aten.split_with_sizes.default,
    aten.split.Tensor,
    aten.chunk.default,
    aten.unbind.int,
}


def expression(target: Any, arguments: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[str, tuple[Any, ...]] | None:
    """The expression and its operands, tensors or numbers, of an elementwise operation; None where there is none."""
    if target in (
        aten.add.Tensor,
        aten.sub.Tensor,
        aten.add.Scalar,
        aten.sub.Scalar,
        aten.rsub.Scalar,
        aten.rsub.Tensor,
    ):
        return _sum(target, *arguments, **keywords)
    if target is aten.clamp.default or target is aten.clamp.Tensor:
        return _clamp(*arguments, **keywords)
    if target is aten.pow.Tensor_Scalar:
        return _power(*arguments)
    pattern = PLAIN.get(target) or COSTLY.get(target)
    if pattern is None or (keywords and target not in SAME):
        return None
    return pattern, arguments


def _sum(target: Any, a: Any, b: Any, alpha: float = 1) -> tuple[str, tuple[Any, ...]]:
    scaled = "{1}" if alpha == 1 else f"{literal(alpha)} * {{1}}"
    if "rsub" in str(target):
        return ("{1} - {0}" if alpha == 1 else f"{{1}} - {literal(alpha)} * {{0}}"), (a, b)
    return f"{{0}} {'-' if 'sub' in str(target) else '+'} {scaled}", (a, b)


def _clamp(x: Any, low: Any = None, high: Any = None, **named: Any) -> tuple[str, tuple[Any, ...]]:
    low, high = named.get("min", low), named.get("max", high)
    if high is None:
        return "larger({0}, {1})", (x, low)
    if low is None:
        return "smaller({0}, {1})", (x, high)
    return "smaller(larger({0}, {1}), {2})", (x, low, high)


def _power(x: Any, exponent: float) -> tuple[str, tuple[Any, ...]]:
    simple = {0: "1.0f", 1: "{0}", 2: "{0} * {0}", 3: "{0} * {0} * {0}", -1: "1.0f / {0}", 0.5: "sqrtf({0})"}
    return (simple[exponent], (x,)) if exponent in simple else ("powf({0}, {1})", (x, exponent))


def is_costly(pattern: str) -> bool:
    """Whether an expression takes so long that its value is kept for the way back."""
    return pattern in _COSTLY or "powf" in pattern or "sqrtf" in pattern


_COSTLY = set(COSTLY.values())


def literal(number: float | bool) -> str:
    """A number in C, in single precision."""
    value = float(number)
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INFINITY" if value > 0 else "-INFINITY"
    return f"({value!r}f)" if value < 0 else f"{value!r}f"
