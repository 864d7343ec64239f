;;! run = "print"
;; Names that are no identifiers, are used twice, or are empty.
(module (@name "")
  (rec
    (type $node (sub (struct (field $next (mut (ref null $node))) (field (@name "") i8) (field $"two words" f32))))
    (type $leaf (sub final $node (struct (field (mut (ref null $node))) (field i8) (field f32) (field i64)))))
  (func $twice (@name "same") (param $"a)b" i32) (param (@name "a)b") i32) (local $"\u{202e}" i64)
    local.get $"a)b"
    local.get 1
    local.set $"\u{202e}"
    block $"\n" block (@name "") br $"\n" br 0 end end)
  (func (@name "same") (result (ref null $node))
    (struct.get $leaf 0 (ref.null $leaf)))
  (func (@name "") (call 0)))
;;; (module (@name "")
;;;   (rec
;;;     (type $node (;0;) (sub (struct (field $next (mut (ref null $node))) (field (@name "") i8) (field $"two words" f32))))
;;;     (type $leaf (;1;) (sub final $node (struct (field (mut (ref null $node))) (field i8) (field f32) (field i64))))
;;;   )
;;;   (type (;2;) (func (param i32 i32)))
;;;   (type (;3;) (func (result (ref null $node))))
;;;   (type (;4;) (func))
;;;   (func $same (;0;) (type 2) (param $"a)b" i32) (param (@name "a)b") i32)
;;;     (local $"\u{202e}" i64)
;;;     local.get $"a)b"
;;;     local.get 1
;;;     local.set $"\u{202e}"
;;;     block $"\0a"
;;;       block (@name "")
;;;         br $"\0a"
;;;         br 0
;;;       end
;;;     end
;;;   )
;;;   (func (@name "same") (;1;) (type 3) (result (ref null $node))
;;;     ref.null $leaf
;;;     struct.get $leaf 0
;;;   )
;;;   (func (@name "") (;2;) (type 4)
;;;     call $same
;;;   )
;;; )
