"""Layer 7: the baseline compiler, which stamps machine code from ready-made stencils."""
