"""Structures, arrays, i31 and casts as LLVM text (core specification, section 4.4.4).

Objects are made, and whole stretches of arrays changed, by services of the run time; all else is here. What is where in
objects and their shapes is in runtime/heap_layout.py. A reference that validation has found to be of a structure or
array type is null, or the address of an object that has that type, so that its fields may be accessed.

To be compiled by mypyc.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from jormun.llvm.accesses import llvm_type
from jormun.llvm.convention import REF
from jormun.opcodes.immediates import Cast
from jormun.opcodes.table import BY_NAME
from jormun.optimizing import control, roots
from jormun.optimizing.shapes import ModuleShape
from jormun.optimizing.tables import MachineOps
from jormun.runtime import heap_layout, layout
from jormun.runtime.heap_layout import KIND_NULLABLE
from jormun.syntax.code import read_immediates
from jormun.types import I32, ArrayType, DefType, FuncType, PackedType, RefType, StorageType, StructType

if TYPE_CHECKING:
    from jormun.optimizing.lower import FunctionLowering

OBJECT = "!tbaa !10"
"""What is accessed: objects, which are neither an instance's state nor in its memories."""
_READS = "nounwind willreturn memory(read)"
"""Of a call that looks at an object: it must not come to be behind a call that might collect it."""
_BR_ON_CAST = BY_NAME["br_on_cast"][0]
_MEMORY_TYPES: dict[StorageType, str] = {PackedType.I8: "i8", PackedType.I16: "i16"}


def memory_type(t: StorageType) -> str:
    """What a field or an element is in memory, as LLVM writes it."""
    return llvm_type(t) if not isinstance(t, PackedType) else _MEMORY_TYPES[t]


class ObjectOps(MachineOps):
    """All primitives of opcodes/machine.py, for one function, but for those that make objects of operands: see the
    handlers below.
    """

    def __init__(self, shape: ModuleShape, architecture: str) -> None:
        super().__init__(shape, architecture)
        self.passes_value: bool = False
        """Whether the function needs memory at VALUE."""

    # Types.

    def struct_fields(self, type: int) -> list[StorageType]:
        """What the fields of a structure type hold."""
        composite = self.shape.valid.types[type].composite
        assert isinstance(composite, StructType)
        return [each.storage for each in composite.fields]

    def element(self, type: int) -> StorageType:
        """What the elements of an array type hold."""
        composite = self.shape.valid.types[type].composite
        assert isinstance(composite, ArrayType)
        return composite.field.storage

    def shape_number(self, type: int) -> str:
        """The number of a type's shape, an i32."""
        return self.state(self.shape.layout.type_id_offset(type), "i32", is_constant=True)

    # i31 and casts.

    def ref_i31(self, x: str) -> str:
        """The low 31 bits of an i32, as a reference."""
        tagged = self.line(f"or i32 {self.line(f'shl i32 {x}, 1')}, 1")
        return self.line(f"zext i32 {tagged} to i64")

    def i31_get(self, is_signed: bool, x: str) -> str:
        """The number in an i31 reference, which is not null."""
        low = self.line(f"trunc i64 {x} to i32")
        return self.line(f"{'ashr' if is_signed else 'lshr'} i32 {low}, 1")

    def ref_matches(self, target: RefType, x: str) -> str:
        """The condition that a reference has a type."""
        heap = self.shape.valid.types[target.heap] if isinstance(target.heap, int) else target.heap
        kind = heap_layout.kind_of(heap)
        if not isinstance(heap, DefType) or isinstance(heap.composite, FuncType):
            type_id = "0"
            if isinstance(heap, DefType):
                assert isinstance(target.heap, int)
                type_id = self.state(self.shape.layout.type_id_offset(target.heap), "i64", is_constant=True)
            return self.matches(x, kind, target.nullable, type_id, 0)
        assert isinstance(target.heap, int)
        return self.has_shape(target.heap, heap, target.nullable, x)

    def matches(self, x: str, kind: int, nullable: bool, type_id: str, depth: int) -> str:
        """The condition that a reference has a type of some kind."""
        if kind == heap_layout.KIND_ANY:
            return "true" if nullable else self.line(f"icmp ne i64 {x}, 0")
        if kind == heap_layout.KIND_NONE:
            return self.line(f"icmp eq i64 {x}, 0") if nullable else "false"
        wanted = kind + (KIND_NULLABLE if nullable else 0)
        arguments = f"ptr %vm, i64 {x}, i32 {wanted}, i64 {type_id}, i32 {depth}"
        answer = self.service("jormun_matches", "i32", arguments, _READS)
        return self.line(f"icmp ne i32 {answer}, 0")

    def has_shape(self, type: int, deftype: DefType, nullable: bool, x: str) -> str:
        """The condition that a reference is to an object of a type, or one below it."""
        look, same, below, done = self.block_label(), self.block_label(), self.block_label(), self.block_label()
        # Null is looked at with i31 and objects of the host: two low bits are clear in it and in objects alone.
        start = self.block_label()
        self.lines += [f"br label %{start}", f"{start}:"]
        tag = self.line(f"and i64 {x}, 3")
        is_tagged = self.line(f"icmp ne i64 {tag}, 0")
        is_null = self.line(f"icmp eq i64 {x}, 0")
        is_none = self.line(f"or i1 {is_tagged}, {is_null}")
        answer = is_null if nullable else "false"
        self.lines += [f"br i1 {is_none}, label %{done}, label %{look}", f"{look}:"]
        object_ = self.line(f"inttoptr i64 {x} to ptr")
        number = self.line(f"load i32, ptr {object_}, align 8, {OBJECT}")
        wanted = self.shape_number(type)
        is_same = self.line(f"icmp eq i32 {number}, {wanted}")
        self.pointers.clear()
        ways = [f"[ {answer}, %{start} ]"]
        if deftype.is_final:
            ways.append(f"[ {is_same}, %{look} ]")
            self.lines.append(f"br label %{done}")
        else:
            self.lines += [f"br i1 {is_same}, label %{done}, label %{same}", f"{same}:"]
            shapes = self.state(layout.VM_SHAPES, "ptr", is_constant=True)
            record = self.line(f"getelementptr i8, ptr {shapes}, i32 {number}")
            place = heap_layout.SHAPE_SUPERTYPES + 4 * deftype.depth
            ways.append(f"[ true, %{look} ]")
            if deftype.depth >= heap_layout.SHALLOW:
                end = self.load_field(record, heap_layout.SHAPE_FIELDS, "i32", is_constant=True)
                is_deep = self.line(f"icmp ugt i32 {end}, {place}")
                self.lines += [f"br i1 {is_deep}, label %{below}, label %{done}", f"{below}:"]
                ways.append(f"[ false, %{same} ]")
                same = below
            supertype = self.load_field(record, place, "i32", is_constant=True)
            is_below = self.line(f"icmp eq i32 {supertype}, {wanted}")
            ways.append(f"[ {is_below}, %{same} ]")
            self.lines.append(f"br label %{done}")
        self.lines.append(f"{done}:")
        return self.line(f"phi i1 {', '.join(ways)}")

    # Fields and elements.

    def field_address(self, x: str, offset: int) -> str:
        """The address of a field."""
        object_ = self.line(f"inttoptr i64 {x} to ptr")
        return self.line(f"getelementptr i8, ptr {object_}, i64 {offset}")

    def element_address(self, t: StorageType, x: str, index: str) -> str:
        """The address of an element."""
        wide = self.as_i64(index, I32)
        first = self.field_address(x, heap_layout.OBJECT_BYTES)
        return self.line(f"getelementptr {memory_type(t)}, ptr {first}, i64 {wide}")

    def read(self, t: StorageType, is_signed: bool, address: str) -> str:
        """Read a field or an element, and extend it if it is packed."""
        alignment = min(heap_layout.storage_bytes(t), 8)
        value = self.line(f"load {memory_type(t)}, ptr {address}, align {alignment}, {OBJECT}")
        if not isinstance(t, PackedType):
            return value
        return self.line(f"{'sext' if is_signed else 'zext'} {memory_type(t)} {value} to i32")

    def write(self, t: StorageType, address: str, value: str) -> None:
        """Write a field or an element."""
        if isinstance(t, PackedType):
            value = self.line(f"trunc i32 {value} to {memory_type(t)}")
        alignment = min(heap_layout.storage_bytes(t), 8)
        self.lines.append(f"store {memory_type(t)} {value}, ptr {address}, align {alignment}, {OBJECT}")

    def struct_get(self, type: int, field: int, is_signed: bool, x: str) -> str:
        """A field, extended if it is packed."""
        fields = self.struct_fields(type)
        offsets, _ = heap_layout.offsets_of(tuple(fields))
        return self.read(fields[field], is_signed, self.field_address(x, offsets[field]))

    def struct_set(self, type: int, field: int, x: str, value: str) -> None:
        """Set a field."""
        fields = self.struct_fields(type)
        offsets, _ = heap_layout.offsets_of(tuple(fields))
        self.write(fields[field], self.field_address(x, offsets[field]), value)

    def array_get(self, type: int, is_signed: bool, x: str, index: str) -> str:
        """An element, extended if it is packed."""
        t = self.element(type)
        return self.read(t, is_signed, self.element_address(t, x, index))

    def array_set(self, type: int, x: str, index: str, value: str) -> None:
        """Set an element."""
        t = self.element(type)
        self.write(t, self.element_address(t, x, index), value)

    def array_len(self, x: str) -> str:
        """The length."""
        return self.line(f"load i32, ptr {self.field_address(x, heap_layout.OBJECT_LENGTH)}, align 4, {OBJECT}")

    # New objects. References have to be in the roots.

    def struct_new_default(self, type: int) -> str:
        """A structure whose fields are zero or null."""
        _, size_bytes = heap_layout.offsets_of(tuple(self.struct_fields(type)))
        if size_bytes > heap_layout.LARGEST_BYTES:
            return self.service("jormun_large_structure", "i64", f"ptr %vm, i32 {self.shape_number(type)}")
        number = heap_layout.class_of(size_bytes)
        arguments = f"ptr %vm, i32 {number}, i32 {self.shape_number(type)}"
        return self.service("jormun_structure", "i64", arguments)

    def array_new_default(self, type: int, length: str) -> str:
        """An array of a length, all elements zero or null."""
        self.charge_array(type, length)
        return self.array_of(type, length)

    def array_of(self, type: int, length: str) -> str:
        """The same, paid for already."""
        return self.service("jormun_array", "i64", f"ptr %vm, i32 {self.shape_number(type)}, i32 {length}")

    def array_new_data(self, type: int, data: int, start: str, length: str) -> str:
        """An array read from a data segment."""
        self.charge_array(type, length)
        return self.new_from("jormun_array_data", type, self.shape.layout.data_offset(data), start, length)

    def array_new_elem(self, type: int, elem: int, start: str, length: str) -> str:
        """An array read from an element segment."""
        self.charge_array(type, length)
        return self.new_from("jormun_array_elements", type, self.shape.layout.elem_offset(elem), start, length)

    def new_from(self, service: str, type: int, segment: int, start: str, length: str) -> str:
        """An array read from a segment, whose record is at an offset in the instance."""
        number = self.shape_number(type)
        return self.service(service, "i64", f"ptr %vm, i32 {number}, i32 {segment}, i32 {start}, i32 {length}")

    # Stretches of arrays.

    def charge_array(self, type: int, count: str) -> None:
        """Pay for so many elements, an i32."""
        wide = self.as_i64(count, I32)
        self.charge_size(wide, heap_layout.storage_bytes(self.element(type)).bit_length() - 1)

    def fill(self, type: int, x: str, start: str, element: str, size: str) -> None:
        """Set elements to one value, which is passed in memory."""
        t = self.element(type)
        if isinstance(t, PackedType):
            element = self.line(f"trunc i32 {element} to {memory_type(t)}")
        self.passes_value = True
        self.lines.append(f"store {memory_type(t)} {element}, ptr {VALUE}, align 8")
        arguments = f"ptr %vm, i64 {x}, i32 {start}, ptr {VALUE}, i32 {size}"
        self.service("jormun_array_fill", "void", arguments)

    def array_fill(self, type: int, x: str, start: str, element: str, size: str) -> None:
        """Set elements to one value."""
        self.charge_array(type, size)
        self.fill(type, x, start, element, size)

    def array_copy(self, type: int, x: str, to: str, y: str, start: str, size: str) -> None:
        """Copy elements from array `y` to `x`."""
        self.charge_array(type, size)
        arguments = f"ptr %vm, i64 {x}, i32 {to}, i64 {y}, i32 {start}, i32 {size}"
        self.service("jormun_array_copy", "void", arguments)

    def array_init_data(self, type: int, data: int, x: str, to: str, start: str, size: str) -> None:
        """Copy from a data segment."""
        self.charge_array(type, size)
        self.init("jormun_array_init_data", self.shape.layout.data_offset(data), x, to, start, size)

    def array_init_elem(self, type: int, elem: int, x: str, to: str, start: str, size: str) -> None:
        """Copy from an element segment."""
        self.charge_array(type, size)
        self.init("jormun_array_init_elements", self.shape.layout.elem_offset(elem), x, to, start, size)

    def init(self, service: str, segment: int, x: str, to: str, start: str, size: str) -> None:
        """Copy from a segment, whose record is at an offset in the instance."""
        arguments = f"ptr %vm, i64 {x}, i32 {to}, i32 {segment}, i32 {start}, i32 {size}"
        self.service(service, "void", arguments)


VALUE = "%value"
"""In memory: the value that elements are set to."""


# Instructions whose operands a collection has to find, or that branch.


def _allocate(f: FunctionLowering) -> None:
    """Have all references in the roots, for a call that may collect."""
    f.calls += 1
    roots.keep(f)


def struct_new(f: FunctionLowering) -> None:
    """`struct.new x`."""
    type = f.read_u32()
    _allocate(f)
    x = f.op.struct_new_default(type)
    roots.reload(f)
    for field in reversed(range(len(f.op.struct_fields(type)))):
        f.op.struct_set(type, field, x, f.pop())
    f.push(x, REF)


def struct_new_default(f: FunctionLowering) -> None:
    """`struct.new_default x`."""
    type = f.read_u32()
    _allocate(f)
    x = f.op.struct_new_default(type)
    roots.reload(f)
    f.push(x, REF)


def array_new(f: FunctionLowering) -> None:
    """`array.new x`."""
    type = f.read_u32()
    length = f.pop()
    _allocate(f)
    x = f.op.array_new_default(type, length)
    roots.reload(f)
    f.op.fill(type, x, "0", f.pop(), length)
    f.push(x, REF)


def array_new_default(f: FunctionLowering) -> None:
    """`array.new_default x`."""
    type = f.read_u32()
    length = f.pop()
    _allocate(f)
    x = f.op.array_new_default(type, length)
    roots.reload(f)
    f.push(x, REF)


def array_new_fixed(f: FunctionLowering) -> None:
    """`array.new_fixed x n`."""
    type, count = f.read_u32(), f.read_u32()
    _allocate(f)
    x = f.op.array_of(type, str(count))
    roots.reload(f)
    for index in reversed(range(count)):
        f.op.array_set(type, x, str(index), f.pop())
    f.push(x, REF)


def array_new_data(f: FunctionLowering) -> None:
    """`array.new_data x y`."""
    _array_from(f, is_data=True)


def array_new_elem(f: FunctionLowering) -> None:
    """`array.new_elem x y`."""
    _array_from(f, is_data=False)


def _array_from(f: FunctionLowering, is_data: bool) -> None:
    type, segment = f.read_u32(), f.read_u32()
    length, start = f.pop(), f.pop()
    _allocate(f)
    make = f.op.array_new_data if is_data else f.op.array_new_elem
    x = make(type, segment, start, length)
    roots.reload(f)
    f.push(x, REF)


def br_on_cast(f: FunctionLowering) -> None:
    """`br_on_cast l t t`."""
    _branch_on_cast(f, is_taken_if=True)


def br_on_cast_fail(f: FunctionLowering) -> None:
    """`br_on_cast_fail l t t`."""
    _branch_on_cast(f, is_taken_if=False)


def _branch_on_cast(f: FunctionLowering, is_taken_if: bool) -> None:
    """The reference is the last of the label's values, and stays."""
    (label, cast), f.at = read_immediates(f.code, f.at, _BR_ON_CAST)
    assert isinstance(label, int) and isinstance(cast, Cast)
    condition = f.op.ref_matches(cast.target, f.values[-1])
    if not is_taken_if:
        condition = f.op.line(f"xor i1 {condition}, true")
    frame = f.frames[-1 - label]
    frame.is_targeted = True
    f.hand_over(frame.branch_types)
    control.branch_if(f, condition, frame)
