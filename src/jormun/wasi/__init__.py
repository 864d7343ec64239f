"""Layer 8: WASI 0.1 (`wasi_snapshot_preview1`, and the older `wasi_unstable` by the same code): what guests may ask.

One file a topic, each function documented like a man page. functions.py lists them all; calls.py connects guests with
them; wasi.py holds what one guest was given; linking.py makes instances of it, run.py runs a program, threads.py a
program's threads (the wasi-threads proposal).
"""
