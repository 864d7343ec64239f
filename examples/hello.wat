;; A whole WASI program by hand: writes one line to standard output with fd_write.
(module
  ;; fd_write(fd, address of the vectors, number of vectors, address for the number of bytes written) -> errno
  (import "wasi_snapshot_preview1" "fd_write" (func $fd_write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $proc_exit (param i32)))

  (memory (export "memory") 1)

  ;; One vector: where the text is and how long. The result of fd_write goes to address 8.
  (data (i32.const 0) "\10\00\00\00\14\00\00\00")
  (data (i32.const 16) "Hello from WAT text\n")

  (func (export "_start")
    (local $errno i32)
    (local.set $errno (call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
    (if (local.get $errno)
      (then (call $proc_exit (i32.const 1))))))
