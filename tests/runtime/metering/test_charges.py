"""Where functions are charged, computed by hand."""

from __future__ import annotations

import random

import pytest

from jormun.errors import WasmError
from jormun.runtime.metering.charges import ENTRY, SMALL, charges
from jormun.runtime.metering.costs import FREE, MOST, Costs
from jormun.runtime.metering.rounds import Rounds
from jormun.syntax.code import read_immediates, read_row
from jormun.text.module import parse_module


def amounts(body: str, costs: Costs | None = None) -> list[int]:
    """The charges of a function with three i32 parameters, by offset."""
    module = parse_module(f"(module (memory 1) (func (param i32 i32 i32) (result i32) {body}))")
    found = charges(module.functions[0].body.code, costs or Costs())
    return [amount for _, amount in sorted(found.amounts.items())]


NOPS = "(drop (i32.const 0))" * (SMALL + 1)
"""A part that is charged by itself: 1 for each constant."""
PART = SMALL + 1


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("(i32.const 1)", [1]),
        ("(nop) (block (drop (i32.const 1))) (local.get 0)", [2]),
        ("(i32.add (i32.mul (i32.const 1) (local.get 0)) (local.get 1))", [5]),
        ("(return (i32.const 1))", [1]),
        ("(unreachable) (i32.const 1)", []),
    ],
)
def test_straight_code_is_charged_at_the_entry(body: str, expected: list[int]) -> None:
    """1 for each instruction but those that are free."""
    assert amounts(body) == expected


def test_parts_of_an_if_are_charged_by_themselves() -> None:
    """Each where it begins; what comes behind the `if` is charged with what comes before it."""
    body = f"(if (local.get 0) (then {NOPS} {NOPS}) (else {NOPS})) (i32.const 1)"
    assert amounts(body) == [3, 2 * PART, PART]


def test_small_parts_are_charged_with_what_comes_before_them() -> None:
    """The dearer one of two."""
    body = "(if (local.get 0) (then (drop (i32.const 1)) (drop (i32.const 1))) (else (drop (i32.const 1))))"
    assert amounts(f"{body} (i32.const 1)") == [2 + 2 + 1]
    body = f"(if (local.get 0) (then {NOPS}) (else (drop (i32.const 1))))"
    assert amounts(f"{body} (i32.const 1)") == [2 + 1 + 1, PART]


def test_code_behind_a_branch_that_may_be_taken_is_charged_by_itself() -> None:
    """And what comes behind the block that the branch leaves, with what comes before it."""
    body = f"(block (br_if 0 (local.get 0)) {NOPS}) (i32.const 1)"
    assert amounts(body) == [2 + 1, PART]


def test_code_behind_a_block_that_may_be_left_for_another_is_charged_by_itself() -> None:
    """It need not run although the block did."""
    body = f"(block (block (br_if 1 (local.get 0)) (br_if 0 (local.get 1)) {NOPS}) {NOPS}) (i32.const 1)"
    assert amounts(body) == [2 + 2 + 1, PART, PART]


def test_small_code_behind_a_block_is_charged_with_what_comes_before_it() -> None:
    """With the dearest only of what cannot all run: parts that end by leaving for further out."""
    case = "(drop (i32.const 1)) (drop (i32.const 1))"
    inner = f"(block (block (block (br_table 0 1 2 (local.get 0))) {case} (br 1)) (drop (i32.const 1)) (br 1))"
    assert amounts(f"(block {inner} (br 0)) (i32.const 1)") == [2 + 3 + 1 + 1]
    inner = f"(block (br_if 0 (local.get 0)) {case} (br 0))"
    assert amounts(f"(block (block (br_if 1 (local.get 1)) {inner} (br 0)) {case}) (i32.const 1)") == [2 + 6 + 2 + 1]
    assert amounts(f"(block (block (br_if 0 (local.get 0)) {NOPS} (br 1)) {case}) (i32.const 1)") == [
        2 + 2 + 1,
        PART + 1,
    ]


def test_a_loop_is_charged_for_each_round() -> None:
    """What comes behind it is charged with what comes before it, if it is left by its end alone."""
    assert amounts("(loop (drop (i32.const 0)) (br_if 0 (local.get 0))) (i32.const 1)") == [1, 3]
    assert amounts("(loop (loop (br_if 0 (local.get 0))) (br 0))") == [1, 2]


def test_no_round_is_free() -> None:
    """Whatever the table says."""
    assert amounts("(loop (br 0))", Costs(default=0)) == [1]


def test_code_that_cannot_be_reached_costs_nothing() -> None:
    """Up to the end of the block that it is in."""
    assert amounts("(block (br 0) (loop (drop (i32.const 1)) (br 0))) (i32.const 1)") == [2]
    assert amounts("(if (local.get 0) (then (return (i32.const 1)) (drop (i32.const 1)))) (i32.const 1)") == [2 + 1]


def test_a_table_of_costs() -> None:
    """Instructions by name, the default, and what is free otherwise."""
    costs = Costs(default=3, instructions={"i32.add": 10, "drop": 1})
    assert amounts("(drop (i32.const 1)) (i32.add (local.get 0) (local.get 1))", costs) == [3 + 1 + 3 + 3 + 10]


def test_costs_out_of_bounds() -> None:
    """They are refused where they are written, or when they are used."""
    for wrong in (-1, MOST + 1):
        with pytest.raises(ValueError, match="must cost"):
            Costs(default=wrong)
        with pytest.raises(ValueError, match=r"i32\.add must cost"):
            Costs(instructions={"i32.add": wrong})
    for unit in (0, 8, 48, 1 << 32):
        with pytest.raises(ValueError, match="power of two"):
            Costs(unit_bytes=unit)
    with pytest.raises(WasmError, match="no instruction is called"):
        amounts("(i32.const 1)", Costs(instructions={"i32.plus": 1}))


def control(rng: random.Random, depth: int, labels: int) -> str:
    """Random code of nested blocks and branches, that leaves nothing on the stack."""
    text = []
    for _ in range(rng.randrange(1, 5)):
        label, cost = rng.randrange(labels), "(drop (i32.const 1))" * rng.choice((0, 1, 2, 5, SMALL + 1))
        kind = rng.randrange(8 if depth else 4)
        if kind == 0:
            text.append(f"(br_if {label} (local.get 0))")
        elif kind == 1 and rng.random() < 0.5:
            text.append(rng.choice((f"(br {label})", "(return)", f"(br_table {label} 0 {label} (local.get 0))")))
        elif kind in (4, 5):
            opener = rng.choice(("block", "block", "loop"))
            text.append(f"({opener} {control(rng, depth - 1, labels + 1)})")
        elif kind in (6, 7):
            parts = [control(rng, depth - 1, labels + 1) for _ in range(2)]
            text.append(f"(if (local.get 0) (then {parts[0]}) {rng.choice(('', f'(else {parts[1]})'))})")
        text.append(cost)
    return " ".join(text)


def run(code: bytes, paid: dict[int, int], rng: random.Random) -> tuple[int, int]:
    """Walk through a body, at random where it branches: what ran, by a cost of 1, and what was paid."""
    ends, openers = {}, []
    at = 0
    while at < len(code):
        start = at
        row, at = read_row(code, at)
        _, at = read_immediates(code, at, row)
        if row.opens_block:
            openers.append([start, at, 0])
        elif row.name == "else":
            openers[-1][2] = at
        elif row.name == "end" and openers:
            opener, begin, other = openers.pop()
            ends[opener] = (begin, other, at)
    at, cost, total = 0, 0, paid.get(ENTRY, 0)
    labels: list[tuple[int, int]] = []
    """Where branches go, and where the block ends."""
    for _ in range(2000):
        start = at
        row, at = read_row(code, at)
        immediates, at = read_immediates(code, at, row)
        cost += row.name not in FREE
        target = -1
        if row.opens_block:
            begin, other, end = ends[start]
            labels.append((begin if row.name == "loop" else end, end))
            if row.name == "if" and rng.random() < 0.5:
                at = other or end
        elif row.name == "else":
            at = labels[-1][1]
        elif row.name == "br" or (row.name == "br_if" and rng.random() < 0.3):
            target = immediates[0]
        elif row.name == "br_table":
            target = rng.choice(immediates[0])
        if row.name == "return" or target == len(labels) or (row.name == "end" and not labels):
            return cost, total
        if target >= 0:
            del labels[len(labels) - target :]
            at, _ = labels[-1]
        if row.opens_block or row.name in ("else", "end") or target >= 0 or row.name == "br_if":
            total += paid.get(at, 0)
            while labels and at == labels[-1][1]:
                labels.pop()
    return cost, total


@pytest.mark.parametrize("seed", range(60))
def test_what_runs_is_paid(seed: int) -> None:
    """Whatever way through a function is taken, and before it runs."""
    rng = random.Random(seed)
    module = parse_module(f"(module (func (param i32) {control(rng, 4, 1)}))")
    code = module.functions[0].body.code
    paid = charges(code, Costs()).amounts
    for _ in range(40):
        cost, total = run(code, paid, rng)
        assert cost <= total


def rounds(body: str) -> list[Rounds]:
    """The loops of a function with three i32 parameters whose rounds are known."""
    module = parse_module(f"(module (func (param i32 i32 i32) {body}))")
    return list(charges(module.functions[0].body.code, Costs()).rounds.values())


STEP = "(local.tee 0 (i32.add (local.get 0) (i32.const -4)))"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (f"(loop (br_if 0 {STEP}))", Rounds(0, -4, 0)),
        (f"(loop (br_if 0 (i32.ne {STEP} (i32.const 7))))", Rounds(0, -4, 7)),
        (f"(loop (br_if 0 (i32.ne (i32.const 7) {STEP})))", Rounds(0, -4, 7)),
        (f"(loop (br_if 0 (i32.ne {STEP} (local.get 1))))", Rounds(0, -4, 0, 1)),
        (f"(loop (br_if 0 (i32.ne (local.get 1) {STEP})))", Rounds(0, -4, 0, 1)),
        (f"(loop (if (local.get 1) (then (local.set 2 (i32.const 1)))) (br_if 0 {STEP}))", Rounds(0, -4, 0)),
    ],
)
def test_loops_that_count(body: str, expected: Rounds) -> None:
    """They pay for all rounds at once."""
    assert rounds(body) == [expected]


@pytest.mark.parametrize(
    "body",
    [
        f"(loop (local.set 0 (i32.const 1)) (br_if 0 {STEP}))",
        f"(loop (local.set 1 (i32.const 1)) (br_if 0 (i32.ne {STEP} (local.get 1))))",
        f"(loop (br_if 1 (local.get 1)) (br_if 0 {STEP}))",
        f"(loop (br_if 0 (local.get 1)) (br_if 0 {STEP}))",
        f"(loop (br_if 0 {STEP}) (nop))",
        f"(loop (block (br_if 1 {STEP})))",
        f"(loop (br_if 0 (i32.lt_u {STEP} (i32.const 7))))",
        "(loop (br_if 0 (local.tee 0 (i32.add (local.get 1) (i32.const 1)))))",
        "(loop (br_if 0 (local.tee 0 (i32.add (local.get 0) (i32.const 0)))))",
        f"(loop (loop (br_if 0 (local.tee 0 (i32.const 0)))) (br_if 0 {STEP}))",
        f"(loop (if (local.get 1) (then {NOPS})) (br_if 0 {STEP}))",
    ],
)
def test_loops_that_only_look_like_it(body: str) -> None:
    """They pay for each round."""
    assert rounds(body) == []


@pytest.mark.parametrize("step", [1, -1, 2, -2, 3, -3, 12, -24, 1 << 30, -(1 << 31)])
def test_rounds_are_those_of_the_loop(step: int) -> None:
    """From where to where it may be; around the end of the numbers too."""
    for distance in (*range(-40, 40), 3 << 28, 1 << 30, 1 << 31):
        expected = None
        at = 0
        for count in range(1, 200):
            at = (at + step) & 0xFFFF_FFFF
            if at == distance & 0xFFFF_FFFF:
                expected = count
                break
        found = Rounds(0, step, 0).count(5, 5 + distance)
        assert found == expected if expected is not None else found is None or found >= 200


def test_the_entry_of_an_empty_function_is_not_charged() -> None:
    """Calling it is, where it is called."""
    module = parse_module("(module (func))")
    assert ENTRY not in charges(module.functions[0].body.code, Costs()).amounts


def test_what_an_exception_leads_to_is_paid_beside_what_threw_it() -> None:
    """Both run, although the one ends by leaving for further out."""
    leaving = "(br_if $caught (local.get 0)) (try_table (catch_all $caught) (call $f (local.get 0))) (br $out)"
    body = f"(block $out (block $caught {leaving}) {'(drop (i32.const 1))' * 3})"
    module = parse_module(f"(module (func $f (param i32)) (func (param i32) {body}))")
    assert charges(module.functions[1].body.code, Costs()).amounts == {ENTRY: 2 + 4 + 3}
