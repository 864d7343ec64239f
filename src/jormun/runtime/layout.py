"""Byte offsets of every field that native code touches: the single source of them.

All fields are little-endian and naturally aligned. An instance record ("vm") is laid out for one module by `Layout`;
its header and the records that it points to are the same for all modules. Compiled code holds these offsets as
constants, never addresses, so that the code of a module serves all of its instances and may be kept on disk.
"""

from __future__ import annotations

from jormun.hints import TYPE_CHECKING
from jormun.runtime.blueprint import Blueprint
from jormun.types import I32, ExternKind, MemoryType

if TYPE_CHECKING:
    from jormun.validation.module import ValidModule

POINTER_BYTES = 8
REFERENCE_BYTES = 8
VALUE_SLOT_BYTES = 16
"""A slot in an array of values: wide enough for a v128. Narrower values take the first bytes of theirs."""

# An instance record begins with its header.
VM_CODE_TABLE = 0
"""ptr: array of code pointers, one for each function that the module defines; shared by all instances of the module."""
VM_INSTANCE_KEY = 8
"""u64: what Python calls this instance by."""
VM_SERVICES = 16
"""ptr: array of the addresses of SERVICES, the same for all instances of the process."""
VM_COUNTERS = 24
"""ptr: array of i32, one for each function that the module defines: how much it may still run before it is worth
optimizing; shared by all instances of the module."""
VM_FUEL = 32
"""ptr: of an instance whose code is metered, an i64, the fuel that is left. Where it is below 0, code asks for more at
the next function or round of a loop. One for all instances of a store."""
VM_EXCEPTIONS = 40
"""ptr: of an instance whose module has tags, EXCEPTIONS_REMEMBERED addresses of exceptions that were thrown, or 0:
those with one integer or reference, found by it. One for all instances of a store."""
VM_HEAP = 48
"""ptr: of an instance whose module has structures or arrays, the heap record of its store (runtime/heap_layout.py)."""
VM_SHAPES = 56
"""ptr: then, where shape records are counted from, the same for all instances of the process."""
VM_HEADER_BYTES = 64
VM_ALIGNMENT = 64
"""An instance record starts on a cache line."""

SERVICES = (
    "jormun_trap", "jormun_memory_grow", "jormun_table_grow", "jormun_memory_wait32", "jormun_memory_wait64",
    "jormun_memory_notify", "jormun_is_subtype", "jormun_tier_up", "jormun_move", "jormun_set",
    "jormun_memory_fill", "jormun_memory_copy", "jormun_memory_init",
    "jormun_table_fill", "jormun_table_copy", "jormun_table_init", "jormun_fuel",
    "jormun_try", "jormun_throw", "jormun_throw_word", "jormun_raise",
    "jormun_structure", "jormun_large_structure", "jormun_array", "jormun_array_data", "jormun_array_elements",
    "jormun_array_fill", "jormun_array_copy", "jormun_array_init_data", "jormun_array_init_elements", "jormun_matches",
)  # fmt: skip
"""What native code calls of the run time (runtime/native/glue.py), in the order of VM_SERVICES."""
TIER_UP_AT_ENTRY = 0xFFFF_FFFF
"""What `jormun_tier_up` is given in place of a loop's offset at the entry of a function."""

MEMORY_BASE = 0
"""ptr: the first byte of the memory; it never moves."""
MEMORY_SIZE_BYTES = 8
"""u64: its present size."""
MEMORY_RECORD_BYTES = 16

MEMORY_ADDRESSABLE_BYTES = 4 << 30
"""What a 32-bit memory reserves for itself, whatever its size."""
MEMORY_GUARDED_OFFSET_BYTES = 2 << 30
"""An access to such a memory whose static offset is at most this needs no check: it ends within the reservation."""
MEMORY_GUARD_BYTES = MEMORY_GUARDED_OFFSET_BYTES + (64 << 10)
"""What the reservation holds behind the addressable bytes, never accessible. The 64 KiB cover the width of an
access."""

TABLE_ELEMENTS = 0
"""ptr: array of references (i64)."""
TABLE_SIZE = 8
"""u64: the number of elements."""
TABLE_RECORD_BYTES = 16

FUNCTION_CODE = 0
"""ptr: the code to call."""
FUNCTION_VM = 8
"""ptr: what to pass as its first argument: an instance record, or, for a host function, its host record."""
FUNCTION_TYPE_ID = 16
"""u64: `DefType.id` of its type."""
FUNCTION_COOKIE = 24
"""u64: what Python calls this function by."""
FUNCTION_RECORD_BYTES = 32

# A host record is what native code knows of a function of the host, which it is passed as other functions their vm.
HOST_CALLABLE = 0
"""ptr: the Python object that native code calls with HOST_SELF, if there is one, and the address of the values; beside
a HOST_SIGNATURE, for what is not plain."""
HOST_KEY = VM_INSTANCE_KEY
"""u64: what Python calls its owner by; where an instance record has its key, so that one reading serves both."""
HOST_OVERFLOW_SLOTS = 16
"""u32: how many arguments it takes from the overflow area."""
HOST_FLAGS = 20
"""u32: a sum of the following."""
HOST_HANDLES = 1
"""HOST_CALLABLE is called with what HOST_FUNCTION raises, too."""
HOST_TAKES_SELF = 2
"""HOST_FUNCTION is called with HOST_SELF before the values."""
# Behind it is the address of a world record, where there is one (runtime/world.py).
HOST_SIGNATURE = 32
"""ptr: the signature record by which native code converts arguments and results; 0 if Python does all of it."""
HOST_FUNCTION = 40
"""ptr: then, the Python object that takes and returns values; or, of a native function, its address."""
HOST_OWNER = 48
"""ptr: the Python object that keeps all those alive which the record names, or 0 if they live for ever."""
HOST_SELF = 56
"""ptr: a Python object, or 0."""
HOST_RECORD_BYTES = 64
HOST_ENTRY_BYTES = FUNCTION_RECORD_BYTES + HOST_RECORD_BYTES
"""A function record with its host record behind it, as the host's functions have them."""

# A signature record says where the values of calls of a function type are in a register record, and how they become
# Python's, if all are numbers (runtime/slots.py).
SIGNATURE_PARAMS = 0
"""u32: how many parameters there are; NOT_PLAIN if calls are Python's to convert."""
SIGNATURE_RESULTS = 4
"""u32: how many results there are."""
SIGNATURE_OVERFLOW_SLOTS = 8
"""u32: how many of the parameters are passed in the overflow area."""
SIGNATURE_VECTORS = 12
"""u32: how many of the parameters are passed in vector registers."""
SIGNATURE_VALUES = 16
"""u32 for each parameter, then for each result: how it is converted, and above SIGNATURE_KIND_BITS its offset in the
register record, in bytes."""
SIGNATURE_KIND_BITS = 8
KIND_I32, KIND_I64, KIND_F32, KIND_F64, KIND_U32, KIND_U64 = range(6)
"""The last two are i32 and i64 as bits, which only host functions take."""
NOT_PLAIN = 0xFFFF_FFFF
MOST_SLOTS = 16
"""Calls from Python with more overflow slots, or more results, are Python's to convert."""

# A function object is Python's `Function` (runtime/function.py), which native code calls. Behind the head that every
# object has come the references that it holds, then what native code reads.
OBJECT_TYPE = 8
"""ptr: in every object of Python's, its type."""
OBJECT_HEAD_BYTES = 16
FUNCTION_OBJECT_REFERENCES = 8
"""How many `__slots__` the class has."""
FUNCTION_OBJECT_CALL = OBJECT_HEAD_BYTES + POINTER_BYTES * FUNCTION_OBJECT_REFERENCES
"""ptr: the code that Python calls (`vectorcallfunc`), one for each shape of calls (native/call_shape.py)."""
FUNCTION_OBJECT_SIGNATURE = FUNCTION_OBJECT_CALL + 8
"""ptr: a signature record."""
FUNCTION_OBJECT_RECORD = FUNCTION_OBJECT_CALL + 16
"""ptr: the function record."""
FUNCTION_OBJECT_STOP = FUNCTION_OBJECT_CALL + 24
"""ptr: the stop record of its store."""
FUNCTION_OBJECT_PYTHON = FUNCTION_OBJECT_CALL + 32
"""ptr: the Python function that is called, with the function object as its first argument, for what is not plain."""
FUNCTION_OBJECT_IS_SHORT = FUNCTION_OBJECT_CALL + 40
"""u64: 1 if its code runs for a moment at most, so that others may wait for the GIL meanwhile."""
FUNCTION_OBJECT_DICT = FUNCTION_OBJECT_CALL + 48
FUNCTION_OBJECT_WEAK = FUNCTION_OBJECT_CALL + 56
"""Python's: the attributes that users add, and weak references."""
FUNCTION_OBJECT_BYTES = FUNCTION_OBJECT_CALL + 64

# What native code knows of Python's numbers beside that, where they are as expected (runtime/native/number_layout.py).
INT_TAG = 16
"""i64: in an int, how many digits it has, and its sign."""
INT_DIGIT = 24
"""u32: its first digit. An int has one at least."""
INT_SIGNS = 16
"""The size of the glue's table, i8, by tags, of what the first digit is to be multiplied by: where that is the int."""
INT_UNKNOWN = 2
"""There, the number of all other tags."""
FLOAT_VALUE = 16
"""f64: in a float, its value."""

# What native code keeps for the whole process, with the GIL held.
PROCESS_COUNT = 0
"""u64: how many activations there have been: the number of the last."""
PROCESS_THREAD = 8
"""ptr: the thread (%fs:0 on x86-64, which no two living threads share) that has the stack with the context in
PROCESS_CONTEXT; 0 if that is to be looked up."""
PROCESS_CONTEXT = 16
PROCESS_TICKING = 24
"""ptr: the context of the stack of the thread that is asked now and then whether Python wants something, or 0."""
PROCESS_RECORD_BYTES = 32

# A register record is what crosses between Python and guest code: all registers that arguments are passed in
# (llvm/convention.py), loaded or stored whole, and the slots of the overflow area that the function takes. A result
# replaces the first register of its kind.
REGISTERS_INTEGERS = 0
"""6 u64: %rdi, which is vm, %rsi, %rdx, %rcx, %r8, %r9. A result in %rax comes back in the first."""
REGISTERS_OVERFLOW_SLOTS = 48
"""u64: how many slots follow at REGISTERS_OVERFLOW."""
REGISTERS_STOP = 56
"""ptr: the stop record of the calls of this store, or 0; where a call from Python begins."""
REGISTERS_VECTORS = 64
"""8 registers of 16 bytes: %xmm0 to %xmm7. A result in %xmm0 comes back in the first."""
REGISTERS_OVERFLOW = 192
"""Slots of VALUE_SLOT_BYTES. In a call from Python the buffer for two and more results is here too."""

# A stop record says which activations are to end (runtime/native/stop_record.py). Python writes it; the handler of
# INTERRUPT reads it in the thread that runs them.
STOP_UP_TO = 0
"""u64: the number of the last activation that is to end, 0 for none. All have numbers from 1, ever greater ones."""
STOP_OUTER = 8
"""ptr: another record that counts as well, or 0."""
STOP_KEPT = 16
"""ptr: of a store's record, the list of what it owns, which a call holds meanwhile; 0 if calls of the store's functions
are to go through Python: it is closed, or has a time limit."""
STOP_OWNER = 24
"""u64: of a store's record, the context of the stack whose calls run in the store now, or 0 (runtime/turn.py)."""
STOP_WAITING = 32
"""u64: how many wait for it: who sets the owner to 0 then wakes one."""
STOP_RECORD_BYTES = 48

SEGMENT_START = 0
"""ptr: the first byte of a data segment or the first reference of an element segment."""
SEGMENT_SIZE = 8
"""u64: bytes of a data segment or references of an element segment; 0 once dropped."""
SEGMENT_BYTES = 16

# An exception never changes. References to one (exnref) are its address.
EXCEPTION_TAG = 8
"""u64: the identity of its tag. Before it is the head of an object (runtime/heap_layout.py), of one that is such."""
EXCEPTION_KEY = 16
"""u64: what Python calls the exceptions of its store by (runtime/exceptions.py)."""
EXCEPTION_VALUES = 32
"""Slots of VALUE_SLOT_BYTES, of which values take the first bytes, and the others are 0."""
EXCEPTIONS_REMEMBERED = 256

GLOBAL_CELL_BYTES = 16
"""The cell that holds a global's value."""

# Guest stacks. A block is [context][guard][stack], aligned to its size: masking the stack pointer finds the
# context.
STACK_BLOCK_BYTES = 8 << 20
STACK_CONTEXT_BYTES = 20 << 10
STACK_OVERFLOW_AREA = 4096
"""Offset of the overflow area, where arguments are passed that find no register (llvm/convention.py): a slot of
VALUE_SLOT_BYTES for each of the 1,000 parameters that a function may have."""
STACK_GUARD_BYTES = 64 << 10
STACK_LIMIT = STACK_CONTEXT_BYTES + STACK_GUARD_BYTES
"""Offset of the lowest byte of the stack proper."""
STACK_TOP = STACK_BLOCK_BYTES - 256
"""Offset where an outermost activation's stack begins; below the end, so that masking never finds the next block."""

CONTEXT_HOST_SP = 0
"""u64: the host's stack pointer in the innermost `enter`; where traps unwind to and where callbacks run."""
CONTEXT_GUEST_SP = 8
"""u64: where the next activation's stack begins."""
CONTEXT_GUEST_FP = 16
"""u64: the innermost frame of the guest that called the host, 0 when none did: a backtrace continues there."""
CONTEXT_ACTIVATION = 24
"""u64: the number of the innermost activation, 0 when none is there: the process counts them."""
CONTEXT_STOP = 32
"""ptr: the stop record that it began with, or 0."""
CONTEXT_THREAD_STATE = 40
"""ptr: the thread's PyThreadState while the guest runs without the GIL."""
CONTEXT_HOST_LIMIT = 48
"""u64: an activation that finds the host's stack pointer below this is refused as an exhausted stack."""
CONTEXT_TRAP_KIND = 56
"""u32: `TrapKind.value`, or 0."""
CONTEXT_TRAP_PC = 64
"""u64: an address within the instruction that trapped; 0 for a trap in a host call."""
CONTEXT_TRAP_FP = 72
"""u64: its frame pointer."""
CONTEXT_TRAP_SP = 80
"""u64: its stack pointer."""
CONTEXT_FAULT_ADDRESS = 88
"""u64: what a faulting access touched."""
CONTEXT_SCOPE = 96
"""ptr: the innermost stop record that all activations of the thread heed, or 0."""
CONTEXT_ATTENDED = 104
"""u64: when Python was last asked whether it wants something, in cycles."""
CONTEXT_ATTENDING = 112
"""u64: how long that took."""
CONTEXT_NOTED = 120
"""u64: what came by a signal where it could not be heeded, or 0: code that comes back from there looks at it."""
NOTED_STOP = 1
NOTED_ATTENTION = 2
"""What is in CONTEXT_NOTED: to end the activation if it is to end; to ask Python."""
CONTEXT_KEPT = 128
"""3 u64: registers of the guest that a call of the host left, in case it is gone on with, those that a C function
preserves and the glue has not put on the guest's stack; and its CONTEXT_HANDLER."""
CONTEXT_HANDLER = 152
"""u64: where on its stack the innermost call of the activation is noted that exceptions are caught behind, or 0
(runtime/native/exceptions.py)."""
CONTEXT_EXCEPTION = 160
"""ptr: the exception that an activation is left with, or that a call of the host ends with; 0 once that is known to who
goes on with it."""
CONTEXT_SUSPENDED = 168
"""4 u64: what was at CONTEXT_KEPT and CONTEXT_TRAP_FP when the activation was suspended. Nobody else writes them: a
signal's handler may call guests on the same stack before it is put aside."""
CONTEXT_RECORD_BYTES = 208

TRACE_KIND, TRACE_EXCEPTION, TRACE_PC, TRACE_ON_TOP, TRACE_RETURNS = range(5)
"""Words of a trace, which says where in its code a guest is that was left: the kind of the trap; the exception that it
is left with, or 0; an address within the instruction that trapped, or 0; the word at the stack pointer then; and from
there on the return addresses of frames, innermost first."""
TRACE_MOST_WORDS = 1024
"""Only those return addresses that are of guests' functions are frames of a backtrace."""

# Frames of baseline code, below the frame pointer `fp` (%rbp on x86-64), from which optimized code may take over at the
# head of a loop. A value's place is found by running sums: locals in order, then operands from the bottom of the stack
# up; each takes 8 bytes, a v128 16. A value whose bytes end at sum `end` (its own size included) lies at address
# fp - BASELINE_FRAME_BYTES - end, little endian, i32 and f32 in the low bytes. At the head of a loop all locals and all
# operands (the loop's parameters included, and those of enclosing blocks below) are in their places.
BASELINE_FRAME_BYTES = 32
"""What lies between `fp` and the first value: baseline code's own."""
BASELINE_VALUE_BYTES = 8
BASELINE_VECTOR_BYTES = 16


def is_guarded(memory: MemoryType) -> bool:
    """Whether accesses to a memory rely on its reservation, so that they are not checked against its size.

    Pages smaller than the machine's cannot be made inaccessible one by one.
    """
    return memory.address is I32 and memory.page_size_log2 == 16


def service_offset(name: str) -> int:
    """Where in the array of VM_SERVICES the address of a service is."""
    return POINTER_BYTES * SERVICES.index(name)


class Layout:
    """The instance record of one module: offsets in bytes from its start.

    Function, table, memory, global and tag indices count imports first, as in the module.
    """

    def __init__(self, valid: ValidModule | Blueprint) -> None:
        module = valid if isinstance(valid, Blueprint) else valid.module
        self.imported_function_count = valid.imported_function_count
        self.imported_global_count = len(valid.global_types) - len(module.globals)
        at = VM_HEADER_BYTES
        self._memories = at
        at += 2 * POINTER_BYTES * len(valid.memory_types)
        self._tables = at
        at += POINTER_BYTES * len(valid.table_types)
        self._tags = at
        at += POINTER_BYTES * len(valid.tag_types)
        self._imported_functions = at
        at += POINTER_BYTES * self.imported_function_count
        self._imported_globals = at
        at += POINTER_BYTES * self.imported_global_count
        at = -(-at // GLOBAL_CELL_BYTES) * GLOBAL_CELL_BYTES
        self._globals = at
        at += GLOBAL_CELL_BYTES * len(module.globals)
        self._datas = at
        at += SEGMENT_BYTES * (valid.data_count if isinstance(valid, Blueprint) else len(valid.module.datas))
        self._elements = at
        at += SEGMENT_BYTES * len(module.elements)
        self.state = range(self._globals, at)
        """What code may change: globals, and how much of each segment is left."""
        self._type_ids = at
        at += POINTER_BYTES * len(valid.types)
        at = -(-at // FUNCTION_RECORD_BYTES) * FUNCTION_RECORD_BYTES
        exported = [export.index for export in module.exports if export.kind is ExternKind.FUNC]
        referenced = dict.fromkeys((*exported, *sorted(valid.referenced_functions)))
        own = [index for index in referenced if index >= self.imported_function_count]
        self.function_records = at
        """The offset of the first record of own_function_records, which lie side by side and last: many modules have
        thousands, and an instance that nobody has used has not written them yet. Exported functions come first: to
        look at them touches few pages.
        """
        records = range(at, at + FUNCTION_RECORD_BYTES * len(own), FUNCTION_RECORD_BYTES)
        self._function_records = dict(zip(own, records, strict=True))
        at += FUNCTION_RECORD_BYTES * len(own)
        self.size_bytes = -(-at // VM_ALIGNMENT) * VM_ALIGNMENT

    def memory_base_offset(self, memory: int) -> int:
        """The slot with the memory's base address; constant while the instance lives."""
        return self._memories + 2 * POINTER_BYTES * memory

    def memory_record_offset(self, memory: int) -> int:
        """The slot with the address of the memory's record."""
        return self._memories + 2 * POINTER_BYTES * memory + POINTER_BYTES

    def table_record_offset(self, table: int) -> int:
        """The slot with the address of the table's record."""
        return self._tables + POINTER_BYTES * table

    def tag_offset(self, tag: int) -> int:
        """The slot with the tag's identity."""
        return self._tags + POINTER_BYTES * tag

    def global_place(self, index: int) -> tuple[int, bool]:
        """Where a global is, and whether there is only the address of its cell, as for imported ones."""
        if index < self.imported_global_count:
            return self._imported_globals + POINTER_BYTES * index, True
        return self._globals + GLOBAL_CELL_BYTES * (index - self.imported_global_count), False

    def data_offset(self, data: int) -> int:
        """The segment record of a data segment."""
        return self._datas + SEGMENT_BYTES * data

    def elem_offset(self, elem: int) -> int:
        """The segment record of an element segment."""
        return self._elements + SEGMENT_BYTES * elem

    def imported_function_offset(self, func_index: int) -> int:
        """The slot with the address of an imported function's record."""
        assert func_index < self.imported_function_count
        return self._imported_functions + POINTER_BYTES * func_index

    def own_function_record_offset(self, func_index: int) -> int:
        """The record, inside of the instance record, of a function that the module defines and takes a reference of."""
        return self._function_records[func_index]

    @property
    def own_function_records(self) -> dict[int, int]:
        """The offsets of all such records by function index."""
        return self._function_records

    def code_table_offset(self, func_index: int) -> int:
        """Offset in the code table of the entry of a function that the module defines."""
        assert func_index >= self.imported_function_count
        return POINTER_BYTES * (func_index - self.imported_function_count)

    def type_id_offset(self, type_index: int) -> int:
        """The slot with what native code knows a type by: `DefType.id` of a function type, the number of the shape of
        any other (runtime/shapes.py).
        """
        return self._type_ids + POINTER_BYTES * type_index
