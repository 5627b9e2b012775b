"""Eight numbers as one value, for what is done to every mode of a track at once.

A kernel that works on ``Lanes`` reads as if it worked on one mode: ``u * h + v`` is done in all lanes by one
instruction of the processor, or by two or four where its registers are shorter. Every lane is rounded by itself as a
float64 is, so the bits are the same on every machine. Lanes without a mode hold zeros, or what nobody reads.

Written down in the compiler's own terms, because numba does not turn such code into vector instructions by itself:
arrays may overlap for all it knows (docs/decisions/0080). Outside compiled code the functions here work on float64[8],
which is their twin.
"""

import math
import operator
from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types
from numba.core.extending import lower_builtin, models, register_model
from numba.core.typing.templates import AbstractTemplate, ConcreteTemplate, infer_global, signature

from lowsky.kernels.compiled import lean

LANES = 8
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)
_I32, _I64 = ir.IntType(32), ir.IntType(64)


def load(a, at):
    """a.ravel()[at : at + 8]."""
    return a.reshape(-1)[at : at + LANES].copy()


def put(a, at, v):
    """a.ravel()[at : at + 8] = v."""
    a.reshape(-1)[at : at + LANES] = v


def load_first(a, at, n):
    """The ``n`` numbers from ``at`` on, then zeros."""
    out = np.zeros(LANES)
    out[:n] = a.reshape(-1)[at : at + n]
    return out


def put_first(a, at, n, v):
    """The first ``n`` lanes to ``at`` and on."""
    a.reshape(-1)[at : at + n] = v[:n]


def spread(number):
    """The same number in all lanes."""
    return np.full(LANES, number)


def first(n):
    """1 in the first ``n`` lanes, 0 in the others."""
    return (np.arange(LANES) < n).astype(np.float64)


def total(v):
    """Sum of the lanes, always in this order."""
    v = v[:4] + v[4:]
    v = v[:2] + v[2:]
    return v[0] + v[1]


def root(v):
    """√v."""
    return np.sqrt(v)


def higher(a, b):
    """The larger of each two; b where a is not a number."""
    return np.where(a > b, a, b)


def lower(a, b):
    """The smaller of each two; b where a is not a number."""
    return np.where(a < b, a, b)


def choose(a, b, yes, no):
    """``yes`` where a > b, else ``no``."""
    return np.where(a > b, yes, no)


def any_above(a, b):
    """Is a > b in any lane?"""
    return bool((np.asarray(a) > b).any())


def times_two_to(v, k):
    """v 2ᵏ for whole k (as float64) from −1022 to 1023."""
    return np.ldexp(v, np.asarray(k).astype(np.int64))


class LanesType(types.Type):  # type: ignore[misc]
    """What numba calls it."""

    def __init__(self) -> None:
        super().__init__(name="Lanes")


lanes = LanesType()


@register_model(LanesType)
class _Model(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, dmm: Any, fe_type: Any) -> None:
        super().__init__(dmm, fe_type, _VECTOR)


def _undefined(kind: Any) -> Any:
    return ir.Constant(kind, ir.Undefined)


def _numbers(values: list[int], kind: Any = _I32) -> Any:
    return ir.Constant(ir.VectorType(kind, len(values)), values)


def _wide(builder: Any, kind: Any, value: Any) -> Any:
    """A vector of what may be one number."""
    if kind is lanes:
        return value
    one = builder.insert_element(_undefined(_VECTOR), value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(one, _undefined(_VECTOR), _numbers([0] * LANES))


def _is_first(builder: Any, n: Any) -> Any:
    wide = ir.VectorType(_I64, LANES)
    one = builder.insert_element(_undefined(wide), n, ir.Constant(_I32, 0))
    bound = builder.shuffle_vector(one, _undefined(wide), _numbers([0] * LANES))
    return builder.icmp_signed("<", _numbers(list(range(LANES)), _I64), bound)


def _pointer(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    data = context.make_array(kind)(context, builder, array).data
    return builder.bitcast(builder.gep(data, [at]), _VECTOR.as_pointer())


def _intrinsic(builder: Any, name: str, result: Any, arguments: list[Any], values: list[Any]) -> Any:
    kind = ir.FunctionType(result, arguments)
    return builder.call(cgutils.get_or_insert_function(builder.module, kind, name), values)


def _define(function: Any, kinds: list[tuple[Any, ...]], result: Any, write: Callable[..., Any]) -> None:
    """Tell numba of ``function`` for arguments of these kinds; ``write(builder, *values)`` with all of them wide."""

    class Template(ConcreteTemplate):  # type: ignore[misc]
        cases = [signature(result, *kind) for kind in kinds]  # noqa: RUF012

    def lowered(context: Any, builder: Any, sig: Any, values: Any) -> Any:
        return write(builder, *(_wide(builder, k, v) for k, v in zip(sig.args, values, strict=True)))

    infer_global(function)(Template)
    for kind in kinds:
        lower_builtin(function, *kind)(lowered)


_L, _F = lanes, types.float64
_TWO = [(_L, _L), (_L, _F), (_F, _L)]
_define(operator.add, _TWO, _L, lambda b, x, y: b.fadd(x, y))
_define(operator.sub, _TWO, _L, lambda b, x, y: b.fsub(x, y))
_define(operator.mul, _TWO, _L, lambda b, x, y: b.fmul(x, y))
_define(operator.truediv, _TWO, _L, lambda b, x, y: b.fdiv(x, y))
_define(operator.neg, [(_L,)], _L, lambda b, x: b.fneg(x))
_define(spread, [(_F,)], _L, lambda b, x: x)
_define(root, [(_L,)], _L, lambda b, x: _intrinsic(b, "llvm.sqrt.v8f64", _VECTOR, [_VECTOR], [x]))
_define(higher, _TWO, _L, lambda b, x, y: b.select(b.fcmp_ordered(">", x, y), x, y))
_define(lower, _TWO, _L, lambda b, x, y: b.select(b.fcmp_ordered("<", x, y), x, y))
_FOUR = [(k, m, p, q) for k in (_L, _F) for m in (_L, _F) for p in (_L, _F) for q in (_L, _F) if _L in (k, m, p, q)]
_define(choose, _FOUR, _L, lambda b, x, y, yes, no: b.select(b.fcmp_ordered(">", x, y), yes, no))


def _any_above(b: Any, x: Any, y: Any) -> Any:
    bits = b.bitcast(b.fcmp_ordered(">", x, y), ir.IntType(LANES))
    return b.icmp_unsigned("!=", bits, ir.Constant(ir.IntType(LANES), 0))


def _total(b: Any, v: Any) -> Any:
    n = LANES
    while n > 1:
        n //= 2
        low, high = (b.shuffle_vector(v, _undefined(v.type), _numbers(list(range(s, s + n)))) for s in (0, n))
        v = b.fadd(low, high)
    return b.extract_element(v, ir.Constant(_I32, 0))


def _times_two_to(b: Any, v: Any, k: Any) -> Any:
    # the low bits of 2⁵² + 1023 + k are those of the exponent of 2ᵏ
    shifted = b.fadd(k, ir.Constant(_VECTOR, [2.0**52 + 1023.0] * LANES))
    bits = b.shl(b.bitcast(shifted, ir.VectorType(_I64, LANES)), _numbers([52] * LANES, _I64))
    return b.fmul(v, b.bitcast(bits, _VECTOR))


_define(any_above, _TWO, types.boolean, _any_above)
_define(total, [(_L,)], _F, _total)
_define(times_two_to, [(_L, _L)], _L, _times_two_to)


def _define_memory(
    function: Any, result: Any, n_integer: int, more: tuple[Any, ...], write: Callable[..., Any]
) -> None:
    """The same for functions of an array in C order, ``n_integer`` integers and ``more``."""

    class Template(AbstractTemplate):  # type: ignore[misc]
        def generic(self, args: Any, kws: Any) -> Any:
            if isinstance(args[0], types.Array) and args[0].layout == "C" and args[0].dtype == types.float64:
                return signature(result, args[0], *[types.intp] * n_integer, *more)
            return None

    infer_global(function)(Template)
    lower_builtin(function, types.Array, *[types.Integer] * n_integer, *more)(write)


def _load(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    loaded = builder.load(_pointer(context, builder, sig.args[0], *values))
    loaded.align = 8
    return loaded


def _put(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    builder.store(values[2], _pointer(context, builder, sig.args[0], *values[:2])).align = 8
    return context.get_dummy_value()


_MASK = ir.VectorType(ir.IntType(1), LANES)


def _load_first(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    place, mask = _pointer(context, builder, sig.args[0], *values[:2]), _is_first(builder, values[2])
    arguments = [place, ir.Constant(_I32, 8), mask, ir.Constant(_VECTOR, [0.0] * LANES)]
    return _intrinsic(builder, "llvm.masked.load.v8f64.p0v8f64", _VECTOR, [place.type, _I32, _MASK, _VECTOR], arguments)


def _put_first(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    place, mask = _pointer(context, builder, sig.args[0], *values[:2]), _is_first(builder, values[2])
    arguments = [values[3], place, ir.Constant(_I32, 8), mask]
    _intrinsic(builder, "llvm.masked.store.v8f64.p0v8f64", ir.VoidType(), [_VECTOR, place.type, _I32, _MASK], arguments)
    return context.get_dummy_value()


_define_memory(load, lanes, 1, (), _load)
_define_memory(put, types.none, 1, (lanes,), _put)
_define_memory(load_first, lanes, 2, (), _load_first)
_define_memory(put_first, types.none, 2, (lanes,), _put_first)


@infer_global(first)
class _First(ConcreteTemplate):  # type: ignore[misc]
    cases = [signature(lanes, types.intp)]  # noqa: RUF012


@lower_builtin(first, types.Integer)
def _first(context: Any, builder: Any, sig: Any, values: Any) -> Any:
    ones, zeros = (ir.Constant(_VECTOR, [number] * LANES) for number in (1.0, 0.0))
    return builder.select(_is_first(builder, values[0]), ones, zeros)


LOG2_E, LN_2_HIGH, LN_2_LOW = 1.0 / math.log(2.0), 0.693147180369123816, 1.90821492927058770e-10
ROUND = 1.5 * 2.0**52
"""Added and taken off again it leaves the nearest whole number."""


@lean
def whole(v):
    """The nearest whole number, of |v| < 2⁵¹. Twin: ``np.rint``."""
    return (v + ROUND) - ROUND


@lean
def exp(v):
    """eᵛ to some 10⁻¹⁵ of itself; below e⁻⁷⁰⁸ it stays there, and so it does where v is not a number. Twin: NumPy's.

    v = k ln 2 + r with |r| ≤ ½ ln 2, and Taylor's series of eʳ.
    """
    v = lower(higher(v, -708.0), 709.0)
    k = whole(v * LOG2_E)
    r = (v - k * LN_2_HIGH) - k * LN_2_LOW
    square = r * r
    # in pairs, so that fewer steps wait for each other
    high = (1.0 / 479001600.0 * square + (r * (1.0 / 39916800.0) + 1.0 / 3628800.0)) * square
    high = (high + (r * (1.0 / 362880.0) + 1.0 / 40320.0)) * square + (r * (1.0 / 5040.0) + 1.0 / 720.0)
    low = (r * (1.0 / 120.0) + 1.0 / 24.0) * square + (r * (1.0 / 6.0) + 0.5)
    fourth = square * square
    return times_two_to((high * fourth + low) * square + (r + 1.0), k)


@lean
def turned(angle):
    """sin α and 1 − cos α, to some 10⁻¹⁵ for |α| below a few hundred. Twin: NumPy's.

    Taylor's series at a quarter of what is left of α after whole turns, doubled twice.
    """
    y = (angle - whole(angle * (0.5 / math.pi)) * (2.0 * math.pi)) * 0.25
    t = y * y
    sine = 1.0 - t * (1.0 / 6.0) * (1.0 - t * (1.0 / 20.0) * (1.0 - t * (1.0 / 42.0) * (1.0 - t * (1.0 / 72.0) * (
        1.0 - t * (1.0 / 110.0) * (1.0 - t * (1.0 / 156.0) * (1.0 - t * (1.0 / 210.0)))))))  # fmt: skip
    less = 1.0 - t * (1.0 / 12.0) * (1.0 - t * (1.0 / 30.0) * (1.0 - t * (1.0 / 56.0) * (1.0 - t * (1.0 / 90.0) * (
        1.0 - t * (1.0 / 132.0) * (1.0 - t * (1.0 / 182.0))))))  # fmt: skip
    sine, less = y * sine, 0.5 * t * less
    sine, less = 2.0 * sine * (1.0 - less), 2.0 * sine * sine
    return 2.0 * sine * (1.0 - less), 2.0 * sine * sine
