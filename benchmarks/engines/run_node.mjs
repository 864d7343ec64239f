// Runs a WASI program in Node.js; the last line on standard error is the time of its `_start`, in seconds.
// With --no-liftoff --no-wasm-lazy-compilation the whole module is optimized before that call.

import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

const module = await WebAssembly.compile(readFileSync(process.argv[2]));
const wasi = new WASI({ version: "preview1", returnOnExit: true });
// A JavaScript function around each import: called directly, those of Node.js 20 crash in programs whose memory has grown.
const wrapped = Object.entries(wasi.wasiImport).map(([name, f]) => [name, (...values) => f(...values)]);
const imports = { wasi_snapshot_preview1: Object.fromEntries(wrapped) };
const instance = await WebAssembly.instantiate(module, imports);
const began = performance.now();
const status = wasi.start(instance);
const seconds = (performance.now() - began) / 1000;
process.stderr.write(`${seconds.toFixed(6)}\n`);
process.exitCode = status ?? 0;
