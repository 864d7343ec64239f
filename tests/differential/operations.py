"""The instructions that compute or access memory, as the generator uses them: read off the instruction table."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from jormun.opcodes.immediates import Immediate
from jormun.opcodes.signatures import Address, Signature
from jormun.opcodes.table import BY_CODE, Row

_ARITHMETIC = frozenset(
    [
        "add",
        "sub",
        "mul",
        "div",
        "sqrt",
        "ceil",
        "floor",
        "trunc",
        "nearest",
        "min",
        "max",
        "demote_f64",
        "promote_f32",
        "demote_f64x2_zero",
        "promote_low_f32x4",
        "relaxed_madd",
        "relaxed_nmadd",
    ]
)
"""Floating-point instructions that give a NaN of their own."""
_DETERMINED = frozenset(["eq", "ne", "lt", "gt", "le", "ge"])
_PREFIX = {"f32": "f32", "f64": "f64", "f32x4": "v32", "f64x2": "v64"}
_SOURCE = {"f32": "f32~", "f64": "f64~", "f32x4": "v32~", "f64x2": "v64~"}
TRAPPING = frozenset(
    [f"{t}.{verb}_{sign}" for t in ("i32", "i64") for verb in ("div", "rem") for sign in "su"]
    + [f"{t}.trunc_{f}_{sign}" for t in ("i32", "i64") for f in ("f32", "f64") for sign in "su"]
)


@dataclass(frozen=True, slots=True)
class Operation:
    """An instruction without state. `immediate` is None, "lane" (below `lanes`) or "lanes"."""

    name: str
    params: tuple[str, ...]
    results: tuple[str, ...]
    immediate: str | None = None
    lanes: int = 0


@dataclass(frozen=True, slots=True)
class Access:
    """An instruction that accesses `bits` bits of memory. `params` come behind the address."""

    name: str
    bits: int
    params: tuple[str, ...]
    results: tuple[str, ...]
    lanes: int
    is_atomic: bool


def _lanes(row: Row) -> int:
    if row.name.startswith("v128."):
        return 128 // int("".join(c for c in row.name.partition("_")[0][5:] if c.isdigit()))
    return int(row.name.partition(".")[0].partition("x")[2])


def _source_kind(name: str) -> str | None:
    """The kind of a float operand that a conversion names behind its verb."""
    for part in name.partition(".")[2].split("_")[1:]:
        if part in _SOURCE:
            return _SOURCE[part]
    return None


def _variants(row: Row, signature: Signature) -> list[Operation]:
    """The instruction with kinds for its types: one that takes any NaN, and one whose bits are determined."""
    prefix, _, verb = row.name.partition(".")
    params = tuple(map(str, signature.params))
    results = tuple(map(str, signature.results))
    immediate, lanes = None, 0
    if row.immediates == (Immediate.LANE,):
        immediate, lanes = "lane", _lanes(row)
    elif row.immediates == (Immediate.LANES,):
        immediate = "lanes"
    source = _source_kind(row.name)
    if prefix not in _PREFIX:
        kinds = tuple(source if source and p in ("f32", "f64", "v128") else p for p in params)
        if verb.startswith("reinterpret"):
            kinds = params
        return [Operation(row.name, kinds, results, immediate, lanes)]
    own = _PREFIX[prefix]
    if verb.startswith(("convert", "reinterpret")):
        return [Operation(row.name, params, results, immediate, lanes)]
    number = own.replace("v", "f")
    loose = {"v128": source or f"{own}~", number: f"{number}~", **({source[:3]: source} if source else {})}
    taken = tuple(loose.get(p, p) for p in params)
    if verb in _DETERMINED:
        return [Operation(row.name, taken, results, immediate, lanes)]
    if verb in _ARITHMETIC:
        return [Operation(row.name, taken, (f"{own}a",), immediate, lanes)]
    if verb == "copysign":
        taken = (taken[0], params[1])
    if verb in ("relaxed_min", "relaxed_max"):
        return [Operation(row.name, taken, (f"{own}~",), immediate, lanes)]
    given = tuple({"v128": f"{own}~", number: f"{number}~"}.get(r, r) for r in results)
    return [
        Operation(row.name, taken, given, immediate, lanes),
        Operation(row.name, params, results, immediate, lanes),
    ]


def _collect() -> tuple[dict[str, list[Operation]], list[Access]]:
    by_result: dict[str, list[Operation]] = defaultdict(list)
    accesses = []
    for row in BY_CODE.values():
        signature = row.signature
        if not isinstance(signature, Signature):
            continue
        if row.immediates[:1] == (Immediate.MEMARG,):
            assert isinstance(row.static[1], int)
            lanes = _lanes(row) if len(row.immediates) == 2 else 0
            params = tuple(str(p) for p in signature.params if not isinstance(p, Address))
            is_atomic = row.prefix == 0xFE
            accesses.append(
                Access(row.name, row.static[1], params, tuple(map(str, signature.results)), lanes, is_atomic)
            )
        elif row.immediates in ((), (Immediate.LANE,), (Immediate.LANES,)):
            for operation in _variants(row, signature):
                for result in set(operation.results):
                    by_result[result].append(operation)
    return by_result, accesses


BY_RESULT, ACCESSES = _collect()
"""Operations by the kinds that they give, and accesses to memory."""
LOADS = {kind: [a for a in ACCESSES if a.results == (kind,)] for kind in ("i32", "i64", "f32", "f64", "v128")}
"""Accesses by what they give: loads, and atomic read-modify-writes."""
STORES = [a for a in ACCESSES if not a.results]
