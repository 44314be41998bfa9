// Compares the speed of this checkout with another one, in alternating rounds: "npm run checkperf -- --help".
import { cpus } from 'node:os';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { otherCheckout, thisCheckout } from './checkouts.mjs';
import { compareKernels } from './kernels.mjs';
import { compareModel, modelFile } from './models.mjs';
import { readOptions } from './options.mjs';
import { coverageOf } from './paired.mjs';
import { Report } from './report.mjs';

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const options = readOptions(process.argv.slice(2));
const interrupt = new AbortController();
process.on('SIGINT', () => {
  if (interrupt.signal.aborted) process.exit(130);
  interrupt.abort();
});

const sides = { old: otherCheckout(root, options.other), new: thisCheckout(root) };
const { cpuInfo } = sides.new.library();
const isas = options.kernels ?? defaultIsas(cpuInfo());
const threads = options.threads ?? [1, 2].filter((count) => count <= cpuInfo().threads);
const report = new Report(options, {
  cpu: cpus()[0]?.model ?? process.arch,
  cores: cpuInfo().threads,
  old: sides.old.name,
  new: sides.new.name,
  rounds: options.rounds,
  coverage: coverageOf(options.rounds),
});
const run = { sides, report, options, signal: interrupt.signal };
try {
  if (!options.only || options.only === 'kernels') {
    for (const isa of isas) await compareKernels(run, isa);
  }
  if (!options.only || options.only === 'models') {
    for (const shape of options.models) {
      const path = modelFile(root, shape);
      for (const isa of isas) {
        for (const count of threads) await compareModel(run, { shape, path, isa, threads: count });
      }
    }
  }
} catch (error) {
  if (!interrupt.signal.aborted) throw error;
}
report.end(interrupt.signal.aborted);
process.exitCode = interrupt.signal.aborted ? 130 : report.failed ? 1 : 0;

/** The instruction set that models run with here, and AVX2 where that is another. */
function defaultIsas({ kernels }) {
  const usable = kernels.filter((kernel) => kernel.usable).map(({ isa }) => isa);
  return [...new Set([usable[0], usable.find((isa) => isa === 'avx2') ?? usable[0]])];
}
