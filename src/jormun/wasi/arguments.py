"""Command line arguments and environment variables: args_get, args_sizes_get, environ_get, environ_sizes_get."""

from __future__ import annotations

from struct import pack

from jormun.hints import Sequence
from jormun.wasi.abi import SUCCESS
from jormun.wasi.errno import Errno, WasiError
from jormun.wasi.function import Pointer, wasi_function
from jormun.wasi.wasi import Wasi


@wasi_function
def args_get(wasi: Wasi, argv: Pointer, argv_buf: Pointer) -> int:
    """Copies the arguments of the command line, the program's name first.

    argv: where to write the address of each argument, 4 bytes each; as many as args_sizes_get counted
    argv_buf: where to write the arguments themselves, one behind the other, each with a NUL at its end

    EFAULT: either does not fit the memory; nothing is written then
    """
    return _write_strings(wasi, wasi.arguments, argv, argv_buf)


@wasi_function
def args_sizes_get(wasi: Wasi, argc: Pointer, argv_buf_size: Pointer) -> int:
    """Tells how much room args_get needs.

    argc: where to write the number of arguments, 4 bytes
    argv_buf_size: where to write the size of all arguments with their NULs in bytes, 4 bytes

    EFAULT: either address is outside of the memory
    """
    return _write_sizes(wasi, wasi.arguments, argc, argv_buf_size)


@wasi_function
def environ_get(wasi: Wasi, environ: Pointer, environ_buf: Pointer) -> int:
    """Copies the environment variables, each as `KEY=value`.

    environ: where to write the address of each variable, 4 bytes each; as many as environ_sizes_get counted
    environ_buf: where to write the variables themselves, one behind the other, each with a NUL at its end

    EFAULT: either does not fit the memory; nothing is written then
    """
    return _write_strings(wasi, wasi.environment, environ, environ_buf)


@wasi_function
def environ_sizes_get(wasi: Wasi, environc: Pointer, environ_buf_size: Pointer) -> int:
    """Tells how much room environ_get needs.

    environc: where to write the number of variables, 4 bytes
    environ_buf_size: where to write the size of all variables with their NULs in bytes, 4 bytes

    EFAULT: either address is outside of the memory
    """
    return _write_sizes(wasi, wasi.environment, environc, environ_buf_size)


def _write_strings(wasi: Wasi, strings: Sequence[bytes], array: int, buffer: int) -> int:
    text = b"".join(strings)
    wasi.memory.require(array, 4 * len(strings))
    wasi.memory.require(buffer, len(text))
    addresses = []
    address = buffer
    for string in strings:
        addresses.append(address)
        address += len(string)
    wasi.memory.write(buffer, text)
    wasi.memory.write(array, pack(f"<{len(addresses)}I", *addresses))
    return SUCCESS


def _write_sizes(wasi: Wasi, strings: Sequence[bytes], count: int, size: int) -> int:
    total = sum(map(len, strings))
    if total > 0xFFFF_FFFF:
        raise WasiError(Errno.EOVERFLOW)
    wasi.memory.require(count, 4)
    wasi.memory.write_u32(size, total)
    wasi.memory.write_u32(count, len(strings))
    return SUCCESS
