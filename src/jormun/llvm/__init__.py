"""Layer 5: what Jormun asks of LLVM, through llvmlite: LLVM text, targets, passes, object files."""
