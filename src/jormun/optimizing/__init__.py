"""Layer 7: the optimizing compiler, from validated functions to LLVM text to machine code."""
