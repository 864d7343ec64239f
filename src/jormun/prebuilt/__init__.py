"""Layer 5: what is made from our own sources by LLVM ahead of time, so that a start needs none of it.

`python -m jormun.prebuilt` builds all of it into this folder, which is done when a wheel is made.
"""
