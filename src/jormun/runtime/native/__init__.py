"""Executable memory, faults, and calls between Python and guests: the only part that imports ctypes and mmap."""

from jormun.runtime.native.support import check_system

check_system()  # the modules of this package look up functions of Linux's C library as they are imported
