;;! run = "print"
;; Memories, tables, segments, globals, and everything that has a place in them.
(module
  (memory $small (export "memory") 1 2)
  (memory $large i64 1 0x1_0000_0000 shared)
  (memory (data "inline \00\ff\22\5c" "joined"))
  (table $t 10 funcref)
  (table $x 1 10 (ref null extern) (ref.null extern))
  (table funcref (elem $f $f))
  (global $pi (mut f64) (f64.const 3.14159))
  (global $nan f32 (f32.const -nan:0x1234))
  (global $sum i32 (i32.add (global.get $pi) (i32.const 1)))
  (func $f
    (i32.store8 $large offset=4 align=1 (i64.const 0) (i32.const 1))
    (v128.store64_lane offset=8 align=4 1 (i32.const 0) (v128.const f32x4 1 2 3 4))
    (memory.copy $small $large (i32.const 0) (i64.const 0) (i32.const 1))
    (memory.init $greeting (i32.const 0) (i32.const 0) (i32.const 1))
    (table.init $x $externs (i32.const 0) (i32.const 0) (i32.const 1))
    (call_indirect $t (param i32) (i32.const 0) (i32.const 0))
    (i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 (v128.const i64x2 0 -1) (v128.const i8x16 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0))
    atomic.fence)
  (elem $externs externref (ref.null extern) (item ref.null extern))
  (elem declare func $f)
  (elem (table $t) (offset (i32.const 1)) func $f 0)
  (data $greeting "hello \u{1f600}\n")
  (data (memory $large) (i64.const 8) "")
  (start $f)
  (@custom "notes" (after type) "about types"))
;;; (module
;;;   (type (;0;) (func))
;;;   (type (;1;) (func (param i32)))
;;;   (table $t (;0;) 10 funcref)
;;;   (table $x (;1;) 1 10 externref (ref.null extern))
;;;   (table (;2;) 2 2 funcref)
;;;   (memory $small (;0;) 1 2)
;;;   (memory $large (;1;) i64 1 4294967296 shared)
;;;   (memory (;2;) 1 1)
;;;   (global $pi (;0;) (mut f64) (f64.const 3.14159))
;;;   (global $nan (;1;) f32 (f32.const -nan:0x1234))
;;;   (global $sum (;2;) i32 global.get $pi i32.const 1 i32.add)
;;;   (export "memory" (memory $small))
;;;   (start $f)
;;;   (elem (;0;) (table 2) (i32.const 0) func $f $f)
;;;   (elem $externs (;1;) externref (ref.null extern) (ref.null extern))
;;;   (elem (;2;) declare func $f)
;;;   (elem (;3;) (i32.const 1) func $f $f)
;;;   (func $f (;0;) (type 0)
;;;     i64.const 0
;;;     i32.const 1
;;;     i32.store8 $large offset=4
;;;     i32.const 0
;;;     v128.const i32x4 0x3f800000 0x40000000 0x40400000 0x40800000
;;;     v128.store64_lane offset=8 align=4 1
;;;     i32.const 0
;;;     i64.const 0
;;;     i32.const 1
;;;     memory.copy $small $large
;;;     i32.const 0
;;;     i32.const 0
;;;     i32.const 1
;;;     memory.init $greeting
;;;     i32.const 0
;;;     i32.const 0
;;;     i32.const 1
;;;     table.init $x $externs
;;;     i32.const 0
;;;     i32.const 0
;;;     call_indirect (type 1) (param i32)
;;;     v128.const i32x4 0x00000000 0x00000000 0xffffffff 0xffffffff
;;;     v128.const i32x4 0x00000000 0x00000000 0x00000000 0x00000000
;;;     i8x16.shuffle 0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15
;;;     atomic.fence
;;;   )
;;;   (data (;0;) (memory 2) (i32.const 0) "inline \00\ff\"\\joined")
;;;   (data $greeting (;1;) "hello \f0\9f\98\80\0a")
;;;   (data (;2;) (memory $large) (i64.const 8) "")
;;;   (@custom "notes" (after type) "about types")
;;; )
