"""Layer 8: WASI 0.1 (`wasi_snapshot_preview1`, and the older `wasi_unstable` by the same code): what guests may ask.

One file a topic, each function documented like a man page. functions.py lists them all; wasi.py holds what one guest
was given; run.py runs a program.

Not there yet: sockets (a guest cannot be given any, so that sock_accept, sock_recv, sock_send and sock_shutdown find
none: ENOTSOCK), threads (a module that imports `thread-spawn` from `wasi` cannot be linked), and signals (proc_raise:
ENOSYS).
"""
