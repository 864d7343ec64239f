"""Where a function is charged, and how much: read off its body once, for every tier (core specification, 4.4.8).

A charge is made where code begins that runs as a whole or not at all, for all of that code, before any of it runs: at
the function's entry, at each round of a loop, in each part of an `if`, behind a branch that may be taken, and behind
the end of a block that may have been left for one further out. Three things make charges few:

- Code behind a block that is always left by its end runs exactly when what comes before the block does, and is charged
  with it, calls and loops between notwithstanding.
- A part that costs no more than SMALL is charged with what comes before it, whether it will run or not; of small
  parts of which only one can run, the dearest one: those of an `if`, and those of a switch, blocks in blocks whose code
  ends by leaving for further out.
- A loop that is left by its last branch alone, when a local has come to a bound by steps of one size, pays for all its
  rounds before the first (`Rounds`), unless parts of it are charged by themselves.

Whether a charge leaves less than nothing is looked at where a function is entered, at a round of a loop, or before all
of them, and where a charge depends on a size. Until then, others may have taken fuel below 0, by no more than a way
through functions without a round of a loop or a call costs.

A trap or an exception in the middle of such code changes nothing about what was charged. So the count does not depend
on how code is compiled: an engine subtracts charges at these places, and knows no cost.
"""

from __future__ import annotations

from jormun.dataclass import dataclass
from jormun.errors import WasmError
from jormun.functions import cache
from jormun.hints import Final
from jormun.opcodes.immediates import ImmediateValue
from jormun.opcodes.signatures import Rule
from jormun.opcodes.table import BY_CODE, BY_NAME
from jormun.runtime.metering.costs import FREE, Costs
from jormun.runtime.metering.rounds import WRITERS, Rounds, Tail
from jormun.syntax.code import catches_of, read_immediates, read_row

ENTRY: Final = 0
"""In place of an offset: the entry of the function."""
SMALL: Final = 16
MOST_CHARGE: Final = (1 << 29) - 1
"""What a charge is cut to: machine instructions hold it, and 2**32 times it is less than fuel.MOST."""
_OPENERS: Final = (Rule.BLOCK, Rule.LOOP, Rule.IF, Rule.TRY_TABLE)
_BRANCHES: Final = (Rule.BR_IF, Rule.BR_ON_NULL, Rule.BR_ON_NON_NULL, Rule.BR_ON_CAST, Rule.BR_ON_CAST_FAIL)
_RETURNS: Final = (
    Rule.RETURN, Rule.RETURN_CALL, Rule.RETURN_CALL_INDIRECT, Rule.RETURN_CALL_REF, Rule.THROW, Rule.THROW_REF,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Charges:
    """The charges of a body, none of them 0, by offset."""

    amounts: dict[int, int]
    """By the offset behind the instruction that charged code begins behind, or ENTRY. That of a loop is for a round."""
    rounds: dict[int, Rounds]
    """Of loops that pay for all their rounds at once, by the offset behind the block type."""


NO_CHARGES: Final = Charges({}, {})


class _Part:
    """Code that is charged at one place."""

    __slots__ = ("before", "first", "least", "loop", "offset", "other", "total")

    def __init__(
        self,
        offset: int,
        before: _Part | None,
        other: _Part | None = None,
        least: int = 0,
        loop: _Part | None = None,
    ) -> None:
        self.offset = offset
        self.loop = loop
        """What a round of the innermost loop around it begins with."""
        self.before = before
        """What it may be charged with, if anything: runs whenever this does."""
        self.other = other
        """One with the same before it, of which runs only one: of the second part of an `if`, the first; of code behind
        a block, the last part of that, which leaves it for another."""
        self.first: _Part = other.first if other is not None else self
        """Where that leads to in the end."""
        self.least = least
        self.total = 0


class _Block:
    """An open block: which part the code before it belongs to, and how it is left."""

    __slots__ = ("before", "first", "is_caught_at", "is_escaped", "is_targeted", "loop", "rule", "sources")

    def __init__(self, rule: Rule | None, before: _Part) -> None:
        self.rule = rule
        """Of the instruction that opened it; None for the function."""
        self.before = before
        self.first = before
        """Of an `if` or a loop: what begins with it."""
        self.is_escaped = False
        """Whether control may leave it for what is further out."""
        self.is_targeted = False
        """Whether it has an end that branches go to."""
        self.loop: Tail | None = None
        self.sources: set[_Part] = set()
        """The first of parts whose last instruction goes to its end."""
        self.is_caught_at = False
        """Whether exceptions may go to its end, from whatever part."""


def charges(code: bytes, costs: Costs) -> Charges:
    """The charges of a valid body. The rounds of loops cost 1 at least: none is free."""
    table = _table(costs)
    current = _Part(ENTRY, None)
    parts = [current]
    rounds: dict[int, Rounds] = {}
    blocks = [_Block(None, current)]
    loops: list[Tail] = []
    heads: list[_Part] = []
    """What the rounds of these loops begin with."""
    is_reachable = True
    hidden = 0
    """How many blocks that opened where code cannot be reached are open."""
    at = 0

    def begin(before: _Part | None, other: _Part | None = None, least: int = 0) -> _Part:
        parts.append(_Part(at, before, other, least, heads[-1] if heads else None))
        return parts[-1]

    while blocks:
        start = at
        row, at = read_row(code, at)
        immediates, at = read_immediates(code, at, row)
        rule = row.signature
        if not is_reachable and (rule not in (Rule.ELSE, Rule.END) or hidden):
            hidden += (rule in _OPENERS) - (rule is Rule.END)
            continue
        if is_reachable:
            current.total += table[row.code]
        if not isinstance(rule, Rule) or rule in WRITERS:
            if loops:
                loops[-1].note(row, immediates)
            continue
        if rule in _OPENERS:
            block = _Block(rule, current)
            blocks.append(block)
            if rule is Rule.LOOP:
                current = block.first = begin(None, least=1)
                heads.append(current)
                block.loop = Tail(loops[-1] if loops else None)
                loops.append(block.loop)
            elif rule is Rule.IF:
                current = block.first = begin(current)
            elif rule is Rule.TRY_TABLE:
                _catch(blocks, immediates)
        elif rule is Rule.ELSE:
            block = blocks[-1]
            block.is_targeted |= is_reachable
            block.rule = rule
            current = begin(block.before, block.first)
            is_reachable = True
        elif rule is Rule.END:
            block = blocks.pop()
            if block.loop is not None:
                loops.pop()
                heads.pop()
                found = None if block.is_escaped else block.loop.rounds(start)
                if found is not None:
                    rounds[block.first.offset] = found
            is_join = block.is_targeted or block.rule is Rule.IF
            is_other = not is_reachable and current.before is block.before
            is_other = is_other and current.first not in block.sources and not block.is_caught_at
            is_reachable = is_reachable or is_join
            if not block.is_escaped:
                current = block.before
            elif is_join:
                current = begin(block.before, current if is_other else None)
        elif rule in _BRANCHES:
            _leave(blocks, immediates, at)
            current = begin(current)
        elif rule in (Rule.BR, Rule.BR_TABLE):
            for depth in _leave(blocks, immediates, 0):
                blocks[-1 - depth].sources.add(current.first)
            is_reachable = False
        elif rule in _RETURNS:
            _leave(blocks, (len(blocks) - 1,), 0)
            is_reachable = False
        elif rule is Rule.UNREACHABLE:
            is_reachable = False
        if loops and rule is not Rule.BR_IF:
            loops[-1].forget()
    amounts = _amounts(parts)
    for part in parts:
        if part.loop is not None and not part.least and part.offset in amounts:
            rounds.pop(part.loop.offset, None)  # it is looked at in each round
    return Charges(amounts, rounds)


def _amounts(parts: list[_Part]) -> dict[int, int]:
    """The charges of parts, when small ones are charged with what comes before them."""
    dearer: dict[_Part, int] = {}
    """What the second parts of `if`s cost, by the first ones, where they are small."""
    amounts: dict[int, int] = {}
    for part in reversed(parts):  # what is within a part comes behind it
        total, least = part.total, dearer.pop(part, 0)
        if part.before is None:
            amounts[part.offset] = max(total, part.least)
            continue
        if total > SMALL:
            amounts[part.offset] = total
        else:
            least = max(total, least)
        if part.other is not None:
            dearer[part.other] = least
        else:
            part.before.total += least
    return {offset: min(amount, MOST_CHARGE) for offset, amount in amounts.items() if amount}


def _leave(blocks: list[_Block], immediates: tuple[ImmediateValue, ...], behind: int) -> list[int]:
    """Note branches to labels, whose numbers are the answer: blocks further in than the outermost of them may be left
    for it. `behind` is the offset where a branch that may be taken goes on.
    """
    label = immediates[0]
    labels = label if isinstance(label, tuple) else (label,)
    depths = [depth for depth in labels if isinstance(depth, int)]
    for depth in depths:
        block = blocks[-1 - depth]
        if block.loop is None:
            block.is_targeted = True
        else:
            block.loop.goes_back(behind)
    for depth in range(max(depths)):
        blocks[-1 - depth].is_escaped = True
    return depths


def _catch(blocks: list[_Block], immediates: tuple[ImmediateValue, ...]) -> None:
    """Note that the try_table that has been opened may be left for the labels of its clauses, which lie outside."""
    labels = tuple([each.label + 1 for each in catches_of(immediates)])
    if labels:
        for depth in _leave(blocks, (labels,), 0):
            blocks[-1 - depth].is_caught_at = True


@cache
def _table(costs: Costs) -> dict[int, int]:
    """What each instruction costs, by code. Raises WasmError for names that none has."""
    table = {code: 0 if row.name in FREE else costs.default for code, row in BY_CODE.items()}
    for name, cost in costs.pairs:
        if name not in BY_NAME:
            raise WasmError(f"costs: no instruction is called {name!r}")
        for row in BY_NAME[name]:
            table[row.code] = cost
    return table
