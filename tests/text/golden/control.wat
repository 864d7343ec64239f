;;! run = "print"
;; Folded and flat control, labels, exceptions.
(module $control
  (type $sig (func (param i32) (result i32)))
  (import "env" "log" (func $log (param $value i32)))
  (tag $oops (param i32))
  (func $fold (export "fold") (param $n i32) (result i32) (local $i i32) (local i64 i64)
    (block $done
      (loop $again
        (br_if $done (i32.ge_s (local.get $i) (local.get $n)))
        (call $log (local.get $i))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br $again)))
    (if (result i32) (local.get $n)
      (then (i32.const 1))
      (else (block $done (result i32) (br $done (i32.const -1))))))
  (func (type $sig)
    (block $caught (result i32)
      (try_table (catch $oops $caught) (catch_all 1)
        (throw $oops (local.get 0)))
      unreachable)
    block (param i32) (result i32 i32)
      i32.const 7
    end
    select
    block
      br_table 0 0 1
    end
    return_call $fold))
;;; (module $control
;;;   (type $sig (;0;) (func (param i32) (result i32)))
;;;   (type (;1;) (func (param i32)))
;;;   (type (;2;) (func (param i32) (result i32 i32)))
;;;   (import "env" "log" (func $log (;0;) (type 1) (param $value i32)))
;;;   (tag $oops (;0;) (type 1) (param i32))
;;;   (export "fold" (func $fold))
;;;   (func $fold (;1;) (type $sig) (param $n i32) (result i32)
;;;     (local $i i32)
;;;     (local i64 i64)
;;;     block $done
;;;       loop $again
;;;         local.get $i
;;;         local.get $n
;;;         i32.ge_s
;;;         br_if $done
;;;         local.get $i
;;;         call $log
;;;         local.get $i
;;;         i32.const 1
;;;         i32.add
;;;         local.set $i
;;;         br $again
;;;       end
;;;     end
;;;     local.get $n
;;;     if (result i32)
;;;       i32.const 1
;;;     else
;;;       block $done (result i32)
;;;         i32.const -1
;;;         br $done
;;;       end
;;;     end
;;;   )
;;;   (func (;2;) (type $sig) (param i32) (result i32)
;;;     block $caught (result i32)
;;;       try_table (catch $oops $caught) (catch_all 1)
;;;         local.get 0
;;;         throw $oops
;;;       end
;;;       unreachable
;;;     end
;;;     block (type 2) (param i32) (result i32 i32)
;;;       i32.const 7
;;;     end
;;;     select
;;;     block
;;;       br_table 0 0 1
;;;     end
;;;     return_call $fold
;;;   )
;;; )
