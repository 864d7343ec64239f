"""Instances made of the parts of dead ones: they are as new, nothing of the dead ones is left, nothing is lost."""

from __future__ import annotations

import gc
import os
import threading
from array import array
from pathlib import Path

import pytest

import jormun
from jormun.runtime.address_space import give_up_spares
from jormun.runtime.function import Function
from jormun.runtime.instance import Instance
from jormun.runtime.instantiation import instantiate
from jormun.runtime.linking import Imports, resolve
from jormun.runtime.module import CompiledModule
from jormun.runtime.native import cleaning, dirty_pages, memory_image, pages
from jormun.runtime.store import Store

from .conftest import compiled

PAGE = 65536
ALL = """(module
  (import "env" "host" (func $host (result i32)))
  (memory (export "memory") 2 4) (data (i32.const 100) "initial") (data (i32.const 70000) "more") (data $p "passive")
  (table (export "table") 4 4 funcref) (elem (i32.const 1) $f $get)
  (table $open (export "open") 2 externref)
  (global $g (export "g") (mut i64) (i64.const 7)) (global (export "f ref") (mut funcref) (ref.func $f))
  (tag (export "tag") (param i32))
  (func $f (export "f") (result i32) (i32.const 42))
  (func $get (export "get") (param i32) (result i32) (i32.load8_u (local.get 0)))
  (func (export "set") (param i32 i32) (i32.store8 (local.get 0) (local.get 1)))
  (func (export "passive") (memory.init $p (i32.const 0) (i32.const 0) (i32.const 7)))
  (func (export "drop") (data.drop $p))
  (func (export "host") (result i32) (call $host))
  (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
  (func (export "grow") (result i32)
    (drop (table.grow $open (ref.null extern) (i32.const 3))) (memory.grow (i32.const 1))))"""


def make(module: CompiledModule, imports: Imports | None = None, store: Store | None = None) -> Instance:
    """An instance in a store of its own."""
    store = Store() if store is None else store
    return instantiate(store, module, resolve(module.blueprint, imports or {}, store))


def twice(module: CompiledModule, imports: Imports | None = None) -> None:
    """Instances of the module are made, and dropped: the next one is made of parts."""
    for _ in range(2):
        make(module, imports)
    assert module.pool is not None


def host(number: int) -> Imports:
    """Imports for ALL."""
    return {"env": {"host": lambda: number}}


def call(instance: Instance, name: str, *args: object) -> object:
    return instance.exports[name].call(*args)  # type: ignore[union-attr]


def state(instance: Instance) -> list[object]:
    """All that an instance of ALL has, as one sees it from outside."""
    exports = instance.exports
    memory, table, others = exports["memory"], exports["table"], exports["open"]
    return [
        memory.read(0, memory.size_bytes), memory.size_pages,  # type: ignore[union-attr]
        [f and f.__name__ for f in table], [*others], exports["g"].value, repr(exports["f ref"].value),  # type: ignore[union-attr, attr-defined]
    ]  # fmt: skip


def test_all_is_as_new() -> None:
    """Whatever a guest and its host changed, the instance after it finds what the first one found."""
    module = compiled(ALL)
    new = state(make(module, host(1)))
    twice(module, host(1))
    used = make(module, host(2))
    vm = used.native.vm
    call(used, "set", 100, 1)
    call(used, "set", 2 * PAGE - 1, 1)
    call(used, "drop")
    assert call(used, "grow") == 2
    call(used, "set", 2 * PAGE + 5, 1)
    used.exports["g"].value = 8
    used.exports["f ref"].value = None
    used.exports["table"][0] = used.exports["host"]
    used.exports["open"][4] = "secret"
    tag = used.exports["tag"].identity
    assert state(used) != new
    del used
    again = make(module, host(3))
    assert again.native.vm == vm, "it is made of the same parts"
    assert state(again) == new
    assert again.exports["tag"].identity != tag
    assert (call(again, "host"), call(again, "call", 1)) == (3, 42)
    call(again, "passive")
    assert again.exports["memory"].read(0, 7) == b"passive"
    assert call(again, "grow") == 2
    assert again.exports["memory"].read(2 * PAGE, PAGE) == bytes(PAGE), "grown pages are new as well"


@pytest.fixture(params=["pages are asked for", "pages cannot be asked for"], autouse=True)
def _both(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All tests run with kernels that tell which pages were written, and with others."""
    if request.param != "pages are asked for":
        scanner = dirty_pages.Scanner()
        scanner.give_up()
        monkeypatch.setattr(dirty_pages, "scanner", scanner)


@pytest.mark.parametrize("pages_written", [0, 1, 2, 5, 15, 16, 17, 40, 64])
def test_however_much_was_written(pages_written: int) -> None:
    """Few pages are written over, many are given back: the next guest sees none of it either way."""
    module = compiled("""(module (memory (export "m") 8) (data (i32.const 131000) "within")
      (data (i32.const 135000) "behind") (data (i32.const 139000) "last"))""")
    twice(module)
    new = make(module).exports["m"].read(0, 8 * PAGE)
    for step in (1, 2, 3):
        memory = make(module).exports["m"]
        assert memory.read(0, 8 * PAGE) == new
        for page in range(pages_written):
            at = (31 + step * page) % 128 * 4096
            memory.write(at, bytes([step]) * 4096)
        memory.write(131000, b"W")
        del memory
    assert make(module).exports["m"].read(0, 8 * PAGE) == new


def test_pages_that_were_written_stay() -> None:
    """A second guest that writes the same pages finds them in memory."""
    if _written(*_written_page()) < 0:
        pytest.skip("the kernel does not tell which pages were written")
    module = compiled('(module (memory (export "m") 8) (data (i32.const 0) "x"))')
    twice(module)
    memory = make(module).exports["m"]
    base = memory.base
    memory.write(5 * 4096, b"1")
    memory.write(300000, b"1")
    del memory
    again = make(module).exports["m"]
    assert again.base == base
    assert _written(base, 8 * PAGE, again.parts.image) == 2
    assert again.read(0, 1) == b"x" and again.read(5 * 4096, 1) == again.read(300000, 1) == b"\0"
    again.write(20 * 4096, b"1")
    assert _written(base, 8 * PAGE, again.parts.image) == 3, "those that are written over stay"


def _written(address: int, size_bytes: int, image: memory_image.MemoryImage | None = None) -> int:
    """How many pages were written to, which are as they began by now."""
    return dirty_pages.DirtyPages(address, size_bytes, image).clean_again(cleaning.NO_FILE)


def _written_page() -> tuple[int, int]:
    block = pages.Block(3 * pages.PAGE_BYTES, pages.PAGE_BYTES)
    return block.address, pages.PAGE_BYTES


def test_pages_beyond_the_minimum_are_inaccessible_again() -> None:
    """What one guest grew into, the next one does not reach."""
    module = compiled(ALL)
    twice(module, host(1))
    call(make(module, host(1)), "grow")
    again = make(module, host(1))
    with pytest.raises(jormun.Trap, match="out of bounds memory access"):
        call(again, "get", 2 * PAGE)


def test_a_view_keeps_its_memory_from_others() -> None:
    """Parts are used again when nothing refers to them: not while somebody has the memory, or a view of it."""
    module = compiled(ALL)
    twice(module, host(1))
    instance = make(module, host(1))
    memory = instance.exports["memory"]
    view = memory.view()
    view[0] = 1
    del instance, memory
    others = [make(module, host(1)) for _ in range(3)]
    for other in others:
        other.exports["memory"].write(0, b"\2")
    assert view[0] == 1


def test_a_finalizer_that_keeps_an_instance_has_it_alone() -> None:
    """The garbage collector finalizes a whole cycle before it takes it apart; what is kept then stays as it was."""
    module = compiled(ALL)
    twice(module, host(1))
    kept: list[Instance] = []

    class Owner:
        def __init__(self) -> None:
            self.instance = make(module, {"env": {"host": self.number}})

        def number(self) -> int:
            return 5

        def __del__(self) -> None:
            kept.append(self.instance)

    for _ in range(3):
        owner = Owner()
        call(owner.instance, "set", 100, 7)
        call(owner.instance, "grow")
        del owner
        gc.collect()
        others = [make(module, host(1)) for _ in range(3)]
        for other in others:
            call(other, "set", 100, 9)
    for instance in kept:
        memory = instance.memories[0]
        assert (memory[100], memory.size_pages, memory.grow(1)) == (7, 3, 3)
        with pytest.raises(jormun.WasmError, match="the instance is dead"):
            call(instance, "get", 100)
    assert len(kept) == 3


def test_cycles_give_back_their_address_space() -> None:
    """They are used again when the garbage collector has taken them apart, or lost to nobody."""
    module = compiled(ALL)
    twice(module, host(1))
    instances: list[Instance] = []

    def number() -> int:
        return len(instances)

    before = _mapped()
    for _ in range(50):
        instances = [make(module, {"env": {"host": number}})]
    instances = []
    gc.collect()
    assert _mapped() <= before + 8


def test_numpy_arrays_keep_a_memory_from_others() -> None:
    """As views do."""
    numpy = pytest.importorskip("numpy")
    module = compiled(ALL)
    twice(module, host(1))
    arrays = [numpy.asarray(make(module, host(1)).exports["memory"]) for _ in range(3)]
    for number, each in enumerate(arrays):
        each[:] = number
    assert [int(each[5000]) for each in arrays] == [0, 1, 2]


def test_a_table_of_a_closed_store_is_its_holders_own() -> None:
    """A handle that is left when its store is closed sees no other instance's table."""
    module = compiled(ALL)
    twice(module, host(1))
    store = Store()
    table = make(module, host(1), store).exports["open"]
    store.close()
    other = make(module, host(1)).exports["open"]
    other[0] = "secret"
    assert [*table] == [None, None]


def test_code_that_was_compiled_meanwhile_is_known() -> None:
    """Function records of parts that wait are kept up to date."""
    module = compiled(ALL)
    twice(module, host(1))
    living = make(module, host(1))
    assert make(module, host(1)).exports  # which is looked at, so that there are records
    assert call(living, "f") == 42
    again = make(module, host(1))
    offset = module.layout.own_function_record_offset(module.blueprint.imported_function_count)
    assert again.native.read(offset) == module.code(module.first_own)


@pytest.mark.parametrize("look", ["table", "f ref"])
def test_references_are_written_when_somebody_looks(look: str) -> None:
    """Function records and tables of an instance that nobody has used hold nothing; to ask for a table or a global of
    references writes them. They are those of that instance, and code that is compiled later is in them.
    """
    module = compiled(ALL)
    twice(module, host(1))
    living = [make(module, host(k)) for k in range(4)]
    idle, looked_at = living[2], living[3]
    offset = module.layout.own_function_record_offset(module.blueprint.imported_function_count)
    assert idle.export("memory") and idle.export("tag")
    assert not idle.native.parts.is_filled and idle.native.read(offset) == 0
    assert looked_at.export(look) and looked_at.native.parts.is_filled
    assert call(living[1], "f") == 42
    for each in (living[1], looked_at):
        assert each.native.read(offset) == module.code(module.first_own)
        table = each.exports["table"]
        assert [f and f.__name__ for f in table] == [None, "f", "get", None]
        assert table[1] is each.exports["f"]
    assert [call(each, "call", 1) for each in living] == [42] * 4
    assert [call(each, "host") for each in living] == [0, 1, 2, 3]


@pytest.mark.parametrize("is_compiled", [False, True], ids=["before", "compiled"])
@pytest.mark.parametrize("use", ["call", "another", "table", "vectorize"])
def test_an_exported_function_is_written_alone(use: str, is_compiled: bool) -> None:
    """To look at an exported function writes its record and no other. Whoever calls it then, by whatever way, finds
    all that its code needs, and the record leads to its code from then on.
    """
    store = jormun.Store()
    module = jormun.Module(
        """(module (table $t 2 2 funcref) (elem (i32.const 0) $two $three) (type $t (func (result i32)))
          (func $two (result i32) (i32.const 2)) (func $three (result i32) (i32.const 3))
          (func (export "f") (param i32) (result i32) (call_indirect $t (type $t) (local.get 0))))"""
    )
    living = [jormun.Instance(module, store=store) for _ in range(2)]
    if is_compiled:
        assert living[0].exports.f(1) == 3
    looked_at = jormun.Instance(module, store=store).exports._instance
    function = looked_at.exports["f"]
    assert isinstance(function, Function)
    records = module.compiled.layout.own_function_records
    assert not looked_at.native.parts.is_filled
    assert {k: looked_at.native.read(at) != 0 for k, at in records.items()} == {0: False, 1: False, 2: True}
    if use == "call":
        assert [function(k) for k in (1, 0)] == [3, 2]
    elif use == "another":
        text = """(module (import "" "f" (func $f (param i32) (result i32)))
          (func (export "g") (result i32) (i32.sub (call $f (i32.const 0)) (call $f (i32.const 1)))))"""
        assert jormun.Instance(jormun.Module(text), {"": {"f": function}}, store=store).exports.g() == -1
    elif use == "table":
        text = """(module (table (export "t") 1 funcref)
          (func (export "g") (result i32) (call_indirect (param i32) (result i32) (i32.const 1) (i32.const 0))))"""
        other = jormun.Instance(jormun.Module(text), store=store)
        other.exports.t[0] = function
        assert other.exports.g() == 3
    else:
        vectorized = jormun.vectorize(function)
        assert [*vectorized(array("i", [1, 0]))] == [3, 2]
    assert looked_at.native.parts.is_filled
    assert all(looked_at.native.read(at) == module.compiled.code(k) for k, at in records.items())


def test_start_functions_and_imports_find_references() -> None:
    """A start function calls by the table; so does another instance that was given it, and a snapshot has them."""
    text = """(module (global $n (export "n") (mut i32) (i32.const 0)) (table $t (export "t") 2 2 funcref)
      (elem (i32.const 0) $f $f) (func $f (global.set $n (i32.add (global.get $n) (i32.const 1))))
      (func $start (call_indirect $t (i32.const 1))) (start $start))"""
    user = jormun.Module(
        """(module (import "e" "t" (table $t 2 funcref)) (func (export "run") (call_indirect $t (i32.const 0))))"""
    )
    module = jormun.Module(text)
    living = [jormun.Instance(module) for _ in range(4)]
    assert [each.exports.n.value for each in living] == [1] * 4
    jormun.Instance(user, {"e": living[3].exports}).exports.run()
    assert [each.exports.n.value for each in living] == [1, 1, 1, 2]
    again = jormun.Module(text.replace("(start $start)", ""))
    living = [jormun.Instance(again) for _ in range(4)]
    copy = living[3].snapshot().instantiate()
    jormun.Instance(user, {"e": copy.exports}).exports.run()
    assert (copy.exports.n.value, living[3].exports.n.value) == (1, 0)


def test_the_budget_is_the_stores_own() -> None:
    """Parts count for the store that uses them, and are given back to it."""
    module = compiled('(module (memory (export "memory") 1 3) (table 8 8 funcref))')
    twice(module)
    room = jormun.Limits(memory=2 * PAGE)
    store = Store(limits=room)
    memory = make(module, None, store).exports["memory"]
    with pytest.raises(jormun.ExhaustionError, match="131,072 bytes"):
        memory.grow(1)
    with pytest.raises(jormun.ExhaustionError, match="131,072 bytes"):
        make(module, None, store)
    with pytest.raises(jormun.ExhaustionError, match="1,000 bytes"):
        make(module, None, Store(limits=jormun.Limits(memory=1000)))
    store.close()
    del memory
    gc.collect()
    assert store.budget.take(2 * PAGE), "all was given back"


@pytest.mark.parametrize(
    "wat",
    [
        '(module (import "env" "m" (memory 1)) (func (export "x")))',
        '(module (import "env" "g" (global i32)) (memory 1) (data (global.get 0) "x"))',
        '(module (import "env" "f" (func)) (table 4 funcref) (elem (i32.const 0) 0))',
        '(module (import "env" "f" (func)) (global funcref (ref.func 0)))',
        "(module (table 1 funcref) (elem funcref (ref.func 0)) (func))",
    ],
)
def test_what_does_not_begin_alike_is_made_anew(wat: str) -> None:
    """Imported state, references to what is imported, and segments that are left make no parts."""
    assert compiled(wat).pool is None


def test_segments_that_do_not_fit_trap_each_time() -> None:
    """A module whose instances cannot be made leaves no parts that others begin with."""
    module = compiled("(module (table 1 funcref) (elem (i32.const 1) $f) (func $f))")
    for _ in range(3):
        with pytest.raises(jormun.Trap, match="out of bounds table access"):
            make(module)


def test_a_start_function_runs_each_time() -> None:
    """Parts are noted before it, and an instance that trapped in it leaves them as new."""
    module = compiled(
        """(module (import "env" "seen" (func $seen (param i32))) (global $n (export "n") (mut i32) (i32.const 0))
        (memory 1) (func $start (global.set $n (i32.add (global.get $n) (i32.const 1))) (call $seen (global.get $n))
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (call $seen (i32.load (i32.const 0))))
        (start $start))"""
    )
    seen: list[int] = []

    def note(n: int) -> None:
        seen.append(n)
        if len(seen) % 3 == 0:
            raise KeyError("on purpose")

    for _ in range(4):
        try:
            make(module, {"env": {"seen": note}})
        except KeyError:
            pass
    assert set(seen) == {1}


def test_spares_are_given_up_for_address_space() -> None:
    """When there is none left, what waits is let go of."""
    module = compiled(ALL)
    twice(module, host(1))
    vm = make(module, host(1)).native.vm
    before = _mapped()
    give_up_spares()
    assert _mapped() < before
    assert state(make(module, host(1))) == state(make(module, host(1)))
    assert vm


def test_without_files_in_memory_instances_are_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there can be no image, there is no pool, and all is as ever."""
    monkeypatch.setattr(memory_image, "_MOST_IMAGES", 0)
    module = compiled(ALL)
    first = state(make(module, host(1)))
    assert module.pool is None
    assert state(make(module, host(1))) == first


def test_contents_far_apart_have_no_image() -> None:
    """Holes in a file would take memory once they are read."""
    module = compiled('(module (memory 40000) (data (i32.const 0) "a") (data (i32.const 2000000000) "b"))')
    assert module.pool is None


@pytest.mark.parametrize("wat", ['(memory 0) (data (i32.const 0) "")', '(memory 1) (data (i32.const 65536) "")', ""])
def test_nothing_to_begin_with(wat: str) -> None:
    """Empty segments need no image."""
    module = compiled(f"(module {wat})")
    twice(module)
    make(module)


def test_memories_without_contents_are_used_again() -> None:
    """As zeros, 64-bit ones and those with small pages too."""
    module = compiled(
        """(module (memory (export "a") 1) (memory (export "b") i64 1)
        (func (export "f") (i32.store (i32.const 8) (i32.const -1)) (i64.store 1 (i64.const 8) (i64.const -1))))"""
    )
    twice(module)
    call(make(module), "f")
    again = make(module)
    assert not any(again.exports["a"].view()) and not any(again.exports["b"].view())


def test_threads_make_instances_of_one_module() -> None:
    """None of two that live at a time has the other's parts."""
    module = compiled(ALL)
    twice(module, host(1))
    wrong: list[object] = []

    def work(number: int) -> None:
        for _ in range(60):
            instance = make(module, host(number))
            memory = instance.exports["memory"]
            if memory.read(0, 200) != bytes(100) + b"initial" + bytes(93) or call(instance, "host") != number:
                wrong.append(number)
            memory.write(0, bytes([number]) * 200)
            if memory.read(0, 200) != bytes([number]) * 200:
                wrong.append(number)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_child_of_a_fork_makes_its_own() -> None:
    """Images are sealed files: the child's instances begin as the parent's, whatever the parent's guests write."""
    module = compiled(ALL)
    twice(module, host(1))
    kept = make(module, host(1))
    new = state(make(module, host(1)))
    call(kept, "set", 100, 9)
    pid = os.fork()
    if pid == 0:
        try:
            mine = make(module, host(1))
            is_new = state(mine) == new and call(kept, "get", 100) == 9
            call(mine, "set", 100, 8)
            del mine
            os._exit(0 if is_new and state(make(module, host(1))) == new else 1)
        finally:
            os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0


def test_address_space_does_not_leak() -> None:
    """Making and dropping instances leaves no mapping behind, and the module gives back those that wait."""
    module = compiled(ALL)
    twice(module, host(1))
    before = _mapped()
    for _ in range(300):
        make(module, host(1))
    assert _mapped() <= before
    many = [make(module, host(1)) for _ in range(100)]
    del many
    del module
    gc.collect()
    assert _mapped() < before


@pytest.mark.slow
def test_a_million_instances_leave_nothing() -> None:
    """Neither mappings nor memory, with some alive at a time."""
    module = compiled('(module (memory (export "memory") 1) (data (i32.const 0) "x") (table 2 2 funcref))')
    living = [make(module) for _ in range(100)]
    before = _mapped(), _resident_bytes()
    for number in range(1_000_000):
        living[number % 100] = make(module)
    assert _mapped() <= before[0] + 16
    assert _resident_bytes() < before[1] + (4 << 20)


def _resident_bytes() -> int:
    """The memory that the process has."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * pages.PAGE_BYTES


def _mapped() -> int:
    """How many ranges of addresses the process has."""
    return Path("/proc/self/maps").read_bytes().count(b"\n")


def test_an_image_cannot_be_changed() -> None:
    """It is sealed: its file is the same for all instances, and for processes that inherit it."""
    image = memory_image.MemoryImage([(5000, b"abc")])
    assert (image.start, image.size_bytes) == (4096, pages.PAGE_BYTES)
    with pytest.raises(PermissionError):
        os.pwrite(image._fd, b"x", 0)
