"""Layer 1: the instruction table. An instruction is one row beside its meaning."""
