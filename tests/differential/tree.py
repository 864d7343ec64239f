"""Programs as trees of WAT text, and how a failing one is made smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

STATEMENT = ""
"""The kind of a tree that leaves no value."""


@dataclass(slots=True)
class Tree:
    """`(head child...)`, or its children alone, one after the other, where there is no head.

    `kind` is the kind of value that it leaves (kinds.py) or `STATEMENT`; None for what cannot be replaced: functions,
    their parameters, branches of an `if`.
    """

    kind: str | None
    head: str
    children: list[Tree] = field(default_factory=list)

    def text(self) -> str:
        """As WAT text. A child to a line where there are several levels of them."""
        return "\n".join(self._lines())

    def _lines(self) -> list[str]:
        inner = [line for child in self.children for line in child._lines()]
        if not self.head:
            return inner
        if sum(map(len, inner)) < 80:
            return [f"({' '.join([self.head, *(line.strip() for line in inner)])})"]
        return [f"({self.head}", *[f" {line}" for line in inner], ")"]

    def walk(self) -> Iterator[Tree]:
        """The tree and all below, outer ones first."""
        yield self
        for child in self.children:
            yield from child.walk()


def leaf(kind: str | None, head: str) -> Tree:
    """A tree without children."""
    return Tree(kind, head, [])


def sequence(children: Sequence[Tree], kind: str | None = None) -> Tree:
    """Trees one after the other."""
    return Tree(kind, "", list(children))


def reduce(root: Tree, still_fails: Callable[[], bool], simplest: Callable[[str], Tree | None]) -> None:
    """Make the tree smaller in place, as long as `still_fails()`, which sees the changed tree, holds.

    A tree is replaced by the simplest of its kind, by a tree of its kind below it, or is removed.
    """
    changed = True
    while changed:
        changed = _remove_children(root, still_fails)
        for tree in list(root.walk()):
            if tree.kind is None:
                continue
            before = (tree.head, tree.children)
            for head, children in _smaller(tree, simplest):
                tree.head, tree.children = head, children
                if still_fails():
                    changed = True
                    break
                tree.head, tree.children = before


def _remove_children(root: Tree, still_fails: Callable[[], bool]) -> bool:
    """Remove runs of children that may go, long runs first."""
    changed = False
    for tree in list(root.walk()):
        size = len(tree.children)
        while size:
            start = 0
            while start < len(tree.children):
                before = tree.children
                run = before[start : start + size]
                if all(child.kind in (None, STATEMENT) for child in run):
                    tree.children = before[:start] + before[start + size :]
                    if still_fails():
                        changed = True
                        continue
                    tree.children = before
                start += size
            size //= 2
    return changed


def _smaller(tree: Tree, simplest: Callable[[str], Tree | None]) -> Iterator[tuple[str, list[Tree]]]:
    assert tree.kind is not None
    if tree.kind == STATEMENT:
        if tree.children:
            for below in tree.walk():
                if below is not tree and below.kind == STATEMENT:
                    yield below.head, below.children
        return
    least = simplest(tree.kind)
    if least is not None and (least.head != tree.head):
        yield least.head, least.children
    if tree.children:
        for below in tree.walk():
            if below is not tree and below.kind == tree.kind:
                yield below.head, below.children
