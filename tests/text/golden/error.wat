;;! run = "error"
(module
  (func $f (param i32)
    (local.set 0
      (i32.add (local.get 0) (i32.constant 1)))))
;;; line 5, column 31: unknown operator i32.constant
