// Prints the least CPU seconds that Node.js takes to compile each module, as V8's flags have it: ROUNDS FILE ...

import { readFileSync } from "node:fs";

const [rounds, ...files] = process.argv.slice(2);
for (const file of files) {
  const data = readFileSync(file);
  let least = Infinity;
  for (let round = 0; round < Number(rounds); round++) {
    // V8 gives the code of equal bytes again, so that each round has a custom section of its own behind them.
    const bytes = Buffer.concat([data, Buffer.from([0, 4, 1, 0x72, round & 0xff, round >> 8])]);
    const began = process.cpuUsage();
    new WebAssembly.Module(bytes);
    const { user, system } = process.cpuUsage(began);
    least = Math.min(least, (user + system) / 1e6);
  }
  console.log(least);
}
