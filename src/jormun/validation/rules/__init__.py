"""The rules of instructions whose typing depends on more than their row, a small function each."""
