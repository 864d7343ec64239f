"""Makes the stencils that the baseline compiler stamps: build time only, the one part of it that uses LLVM."""
