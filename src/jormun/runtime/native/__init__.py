"""Executable memory, faults, and calls between Python and guests: the only part that imports ctypes and mmap."""
