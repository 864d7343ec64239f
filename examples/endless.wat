;; A program that never ends, to see Ctrl-C stop it.
(module
  (memory (export "memory") 1)
  (func (export "_start")
    (loop $again
      (br $again))))
