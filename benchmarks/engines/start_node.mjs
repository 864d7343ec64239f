// Runs a WASI program in Node.js as it comes: [--dir HOST::GUEST] FILE [ARG ...].

import { readFileSync } from "node:fs";
import { WASI } from "node:wasi";

let words = process.argv.slice(2);
const preopens = {};
if (words[0] === "--dir") {
  const [host, guest] = words[1].split("::");
  preopens[guest] = host;
  words = words.slice(2);
}
const module = await WebAssembly.compile(readFileSync(words[0]));
const wasi = new WASI({ version: "preview1", args: words, preopens, returnOnExit: true });
const wrapped = Object.entries(wasi.wasiImport).map(([name, f]) => [name, (...values) => f(...values)]);
const imports = Object.fromEntries(wrapped);
const instance = await WebAssembly.instantiate(module, { wasi_snapshot_preview1: imports, wasi_unstable: imports });
process.exitCode = wasi.start(instance) ?? 0;
