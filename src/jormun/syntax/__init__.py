"""Layer 2: abstract syntax, what a module is (core specification, chapter 2)."""
