// Kernels whose weights come from cache, timed by each checkout's own native benchmark.
import { spawn } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const limit = 0.99;
/** The widest and the longest rows of a 2B-4T layer. */
const shapes = '6912 2560 gate,up\n2560 6912 down\n';

/** Figures that do not depend on memory: of ternary kernels, the head's, dense and vector ones. */
const figures = [
  { of: (row) => row.weights_from === 'cache' && row.shape, field: 'gweights_per_s' },
  { of: (row) => row.weights_from === 'cache' && !row.shape, field: 'gb_per_s' },
  { of: ({ type }) => type, field: 'cache_gb_per_s' },
  { of: ({ type }) => type, field: 'gfma_per_s', batch: true },
  { of: ({ operation }) => operation, field: 'ns', inverse: true },
];

/** Kernels of one file suffix go with dense and vector kernels of a smaller one. */
const parts = { avx512vnni: 'avx512', neoni8mm: 'neon', neondot: 'neon' };

/** All kernels of an instruction set that models are run with. */
export async function compareKernels({ sides, report, options, signal }, isa) {
  const folder = join(sides.new.root, 'build/checkperf');
  mkdirSync(folder, { recursive: true });
  const list = join(folder, 'shapes.txt');
  writeFileSync(list, shapes);
  const args = ['--json', '--kernel', parts[isa] ?? isa, '--shapes', list, '--batch', '1,16'];
  args.push('--threads', '1', '--seconds', '0.02');
  const time = (side, renames) => measure(side, args, renames, signal);
  const lines = new Map(); // by name: { old: [], new: [] }
  const add = (name, side, figure) => {
    if (!lines.has(name)) lines.set(name, { old: [], new: [] });
    lines.get(name)[side].push(figure);
  };
  try {
    for (let round = 0; round < options.rounds; round++) {
      report.progress(`kernels ${isa}: round ${round + 1} of ${options.rounds}`);
      const order = round % 2 === 0 ? ['old', 'new'] : ['new', 'old'];
      const found = {};
      for (const side of order)
        found[side] = await time(sides[side], side === 'old' ? options.renames : []);
      for (const side of order) {
        for (const [name, figure] of found[side]) add(name, side, figure);
      }
    }
  } finally {
    for (const [name, pair] of lines) report.line({ part: 'kernel', name, limit, ...pair });
  }
}

/** The rates of one run by name. */
async function measure({ bench, root }, args, renames, signal) {
  const output = await textOf(bench, args, root, signal);
  const rates = new Map();
  for (const line of output.trim().split('\n')) {
    const row = JSON.parse(line);
    for (const figure of figures.filter(({ of }) => of(row))) {
      rates.set(nameOf(row, figure, renames), rateOf(line, figure));
    }
  }
  return rates;
}

function nameOf({ kernel, shape, type, operation, batch }, figure, renames) {
  const tokens = shape !== undefined || figure.batch ? `n=${batch}` : undefined;
  const words = [kernel, shape, type, operation, tokens].filter((word) => word !== undefined);
  return renames.reduce((text, { from, to }) => text.replaceAll(from, to), words.join(' '));
}

/** A rate, and by which part of it the true one may differ, because it was printed with few digits. */
function rateOf(line, { field, inverse }) {
  const digits = new RegExp(`"${field}":([0-9.]+)[,}]`).exec(line)?.[1];
  if (!digits) throw new Error(`Expected a number as ${field} from the benchmark, got ${line}.`);
  const decimals = digits.split('.')[1]?.length ?? 0;
  const value = Number(digits);
  return { rate: inverse ? 1 / value : value, rounding: 0.5 / 10 ** decimals / value };
}

function textOf(command, args, cwd, signal) {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, signal, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text) => {
      output += text;
    });
    child.on('error', reject);
    child.on('close', (status) => {
      if (status === 0) resolve(output);
      else reject(new Error(`"${[command, ...args].join(' ')}" ended with ${status}.`));
    });
  });
}
