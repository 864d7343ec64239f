;; Calls a function of its host for each number from 1 to `last`, and adds up what it returns.
(module
  (import "env" "visit" (func $visit (param i32) (result i32)))

  (func (export "each") (param $last i32) (result i32)
    (local $number i32) (local $sum i32)
    (block $done
      (loop $next
        (br_if $done (i32.ge_s (local.get $number) (local.get $last)))
        (local.set $number (i32.add (local.get $number) (i32.const 1)))
        (local.set $sum (i32.add (local.get $sum) (call $visit (local.get $number))))
        (br $next)))
    (local.get $sum)))
