"""The numbers of pieces, by what the compiler looks them up with.

To be compiled by mypyc.
"""

from __future__ import annotations

from jormun.baseline.catalogue import CLASS_NAMES, HEIGHTS
from jormun.baseline.library import Library
from jormun.hints import i64
from jormun.llvm.convention import REGISTERS, VECTOR
from jormun.validation.stack import vec

_INTEGERS = ("i32", "i64")
_FIRST_VECTOR = REGISTERS.index(VECTOR)


class Pieces:
    """Numbers of pieces. Vectors that say so have one for each class, or for each class and register."""

    def __init__(self, library: Library) -> None:
        numbers = library.pieces
        self.numbers: dict[str, int] = numbers

        def by_register(prefix: str) -> list[int]:
            return [numbers[f"{prefix}.{c}.{h}"] for c in CLASS_NAMES for h in range(HEIGHTS)]

        def by_class(prefix: str) -> list[int]:
            return [numbers[f"{prefix}.{c}"] for c in CLASS_NAMES]

        def by_height(prefix: str) -> list[int]:
            return [numbers[f"{prefix}.{h}"] for h in range(HEIGHTS)]

        def by_place(prefix: str) -> list[int]:
            found = []
            for c in CLASS_NAMES:
                for place, register in enumerate(REGISTERS):
                    k = place - _FIRST_VECTOR if register == VECTOR else place
                    found.append(numbers.get(f"{prefix}.{c}.{k}", -1))
            return found

        self.get: vec[i64] = vec[i64](by_register("get"))
        """Slot to register; class * HEIGHTS + register."""
        self.put: vec[i64] = vec[i64](by_register("put"))
        self.copy: vec[i64] = vec[i64](by_class("copy"))
        self.vm_get: vec[i64] = vec[i64](by_register("vm.get"))
        self.vm_put: vec[i64] = vec[i64](by_register("vm.put"))
        self.vm_get_indirect: vec[i64] = vec[i64](by_register("vm.get.indirect"))
        self.vm_put_indirect: vec[i64] = vec[i64](by_register("vm.put.indirect"))
        self.result: vec[i64] = vec[i64](by_register("result"))
        self.give: vec[i64] = vec[i64](by_class("give"))
        self.give_register: vec[i64] = vec[i64](by_register("give"))
        self.give_buffer: vec[i64] = vec[i64](by_class("give.buffer"))
        self.give_constant: vec[i64] = vec[i64]([numbers[f"give.const.{c}"] for c in _INTEGERS])
        self.constant: vec[i64] = vec[i64]([numbers[f"const.{c}.{h}"] for c in _INTEGERS for h in range(HEIGHTS)])
        self.put_constant: vec[i64] = vec[i64]([numbers[f"const.put.{c}"] for c in _INTEGERS])
        self.wide_i64: vec[i64] = vec[i64](by_height("const.wide.i64"))
        self.f32: vec[i64] = vec[i64](by_height("const.f32"))
        self.f64: vec[i64] = vec[i64](by_height("const.f64"))
        self.v128: vec[i64] = vec[i64](by_height("const.v128"))
        self.zero: vec[i64] = vec[i64](by_height("const.zero"))
        self.pass_area: vec[i64] = vec[i64](by_class("pass.area"))
        self.take_area: vec[i64] = vec[i64](by_class("take.area"))
        self.if_: vec[i64] = vec[i64](by_height("if"))
        self.unless: vec[i64] = vec[i64](by_height("unless"))
        self.if_i64: vec[i64] = vec[i64](by_height("if.i64"))
        self.unless_i64: vec[i64] = vec[i64](by_height("unless.i64"))
        self.select: vec[i64] = vec[i64](
            [numbers[f"select.{c}.{place}.{h}"] for c in CLASS_NAMES for place in "RS" for h in range(HEIGHTS)]
        )
        """(class * 2 + whether the second operand is in a slot) * HEIGHTS + register."""
        self.pass_: vec[i64] = vec[i64](by_place("pass"))
        """What loads an argument into its register; class * len(REGISTERS) + place."""
        self.pass_constant: vec[i64] = vec[i64](by_place("pass.const"))
        self.take: vec[i64] = vec[i64](by_place("take"))
        """What stores a parameter from its register."""
        self.element: vec[i64] = vec[i64](by_height("element"))
        self.type: vec[i64] = vec[i64](by_height("type"))
        self.if_slot: i64 = numbers["if.slot"]
        self.unless_slot: i64 = numbers["unless.slot"]
        self.jump: i64 = numbers["jump"]
        self.leave: i64 = numbers["leave"]
        self.count: i64 = numbers["count"]
        self.fuel: i64 = numbers["fuel"]
        self.fuel_later: i64 = numbers["fuel.later"]
        self.call_own: i64 = numbers["call.own"]
        self.call_imported: i64 = numbers["call.imported"]
        self.call_record: i64 = numbers["call.record"]
        self.try_own: i64 = numbers["try.own"]
        self.try_imported: i64 = numbers["try.imported"]
        self.try_record: i64 = numbers["try.record"]
        """Calls inside of a `try_table`, which branch when an exception came."""
        self.exception_get: vec[i64] = vec[i64](by_class("exception.get"))
