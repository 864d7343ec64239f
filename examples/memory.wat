;; A library that works on its memory, which the host reads and writes too.
(module
  (memory (export "memory") 1 16)

  ;; Adds up `count` bytes from `address` on. An address beyond the memory is a trap.
  (func (export "sum") (param $address i32) (param $count i32) (result i32)
    (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.eqz (local.get $count)))
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (local.get $address))))
        (local.set $address (i32.add (local.get $address) (i32.const 1)))
        (local.set $count (i32.sub (local.get $count) (i32.const 1)))
        (br $next)))
    (local.get $sum))

  ;; Sets `count` bytes from `address` on to one value.
  (func (export "fill") (param $address i32) (param $value i32) (param $count i32)
    (memory.fill (local.get $address) (local.get $value) (local.get $count)))

  ;; Asks for more pages of 64 KiB; the size before, or -1 if that is too much.
  (func (export "grow") (param $pages i32) (result i32)
    (memory.grow (local.get $pages))))
