"""Control instructions, calls, exceptions, `drop` and `select` (core specification, sections 4.4.1 and 4.4.8)."""

from __future__ import annotations

from jormun.errors import TrapKind
from jormun.opcodes.immediates import Immediate
from jormun.opcodes.markers import structural
from jormun.opcodes.ops import Ops, V
from jormun.opcodes.signatures import NOTHING, Rule
from jormun.opcodes.table import opcode


@opcode("unreachable", 0x00, Rule.UNREACHABLE)
def unreachable(op: Ops[V]) -> None:
    """Trap."""
    op.trap(TrapKind.UNREACHABLE)


@opcode("nop", 0x01, NOTHING)
def nop(op: Ops[V]) -> None:
    """Nothing."""


@opcode("block", 0x02, Rule.BLOCK, immediates=(Immediate.BLOCK_TYPE,))
@structural
def block() -> None:
    """A label at the matching `end`."""


@opcode("loop", 0x03, Rule.LOOP, immediates=(Immediate.BLOCK_TYPE,))
@structural
def loop() -> None:
    """A label here."""


@opcode("if", 0x04, Rule.IF, immediates=(Immediate.BLOCK_TYPE,))
@structural
def if_() -> None:
    """Pop an i32. A label at the matching `end`; unless the number is 0, what follows, else what is behind `else`."""


@opcode("else", 0x05, Rule.ELSE)
@structural
def else_() -> None:
    """The end of the first part of an `if`."""


@opcode("throw", 0x08, Rule.THROW, immediates=(Immediate.TAG,))
@structural
def throw() -> None:
    """Pop the operands of the tag's type, and throw an exception with that tag and those values."""


@opcode("throw_ref", 0x0A, Rule.THROW_REF)
@structural
def throw_ref() -> None:
    """Pop an exception reference and throw it again. NULL_EXCEPTION_REFERENCE."""


@opcode("end", 0x0B, Rule.END, is_constant=True)
@structural
def end() -> None:
    """The end of a block, or of the function."""


@opcode("br", 0x0C, Rule.BR, immediates=(Immediate.LABEL,))
@structural
def br() -> None:
    """Go to the label with as many operands as it takes; operands below them, of the blocks left, are dropped."""


@opcode("br_if", 0x0D, Rule.BR_IF, immediates=(Immediate.LABEL,))
@structural
def br_if() -> None:
    """Pop an i32; `br` unless it is 0."""


@opcode("br_table", 0x0E, Rule.BR_TABLE, immediates=(Immediate.LABELS,))
@structural
def br_table() -> None:
    """Pop an i32; `br` to the label with this number, counted from 0, or to the last where there is none."""


@opcode("return", 0x0F, Rule.RETURN)
@structural
def return_() -> None:
    """`br` to the function's end."""


@opcode("call", 0x10, Rule.CALL, immediates=(Immediate.FUNC,))
@structural
def call() -> None:
    """Pop the arguments, call a function, push its results."""


@opcode("call_indirect", 0x11, Rule.CALL_INDIRECT, immediates=(Immediate.TYPE, Immediate.TABLE))
@structural
def call_indirect() -> None:
    """Pop a table index, then `call` that element.

    UNDEFINED_ELEMENT, UNINITIALIZED_ELEMENT, INDIRECT_CALL_TYPE_MISMATCH.
    """


@opcode("return_call", 0x12, Rule.RETURN_CALL, immediates=(Immediate.FUNC,))
@structural
def return_call() -> None:
    """`call` and `return`, in the present function's place on the stack."""


@opcode("return_call_indirect", 0x13, Rule.RETURN_CALL_INDIRECT, immediates=(Immediate.TYPE, Immediate.TABLE))
@structural
def return_call_indirect() -> None:
    """`call_indirect` and `return`, in the present function's place on the stack."""


@opcode("call_ref", 0x14, Rule.CALL_REF, immediates=(Immediate.TYPE,))
@structural
def call_ref() -> None:
    """Pop a function reference, then `call` it. NULL_FUNCTION_REFERENCE."""


@opcode("return_call_ref", 0x15, Rule.RETURN_CALL_REF, immediates=(Immediate.TYPE,))
@structural
def return_call_ref() -> None:
    """`call_ref` and `return`, in the present function's place on the stack."""


@opcode("drop", 0x1A, Rule.DROP)
@structural
def drop() -> None:
    """Pop a value."""


@opcode("select", 0x1B, Rule.SELECT)
@opcode("select", 0x1C, Rule.SELECT_TYPED, immediates=(Immediate.VALTYPES,))
@structural
def select() -> None:
    """Pop an i32; of the two operands below it keep the first, or the second if the number is 0."""


@opcode("try_table", 0x1F, Rule.TRY_TABLE, immediates=(Immediate.BLOCK_TYPE, Immediate.CATCHES))
@structural
def try_table() -> None:
    """A label at the matching `end`. An exception thrown inside that matches a clause goes to the clause's label."""


@opcode("br_on_null", 0xD5, Rule.BR_ON_NULL, immediates=(Immediate.LABEL,))
@structural
def br_on_null() -> None:
    """Pop a reference; `br` if it is null, else push it back."""


@opcode("br_on_non_null", 0xD6, Rule.BR_ON_NON_NULL, immediates=(Immediate.LABEL,))
@structural
def br_on_non_null() -> None:
    """Unless the reference on top is null, `br` with it; else pop it."""
