"""Layer 3: the binary format (core specification, chapter 5)."""
