// How long from the start of a process to its first token, prepared and not: "npm run bench:startup -- --help".
import { spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { modelFile } from '../checkperf/models.mjs';

const help = `Measures the time from the start of "bitnet run" to the first text of a 5-token prompt, in alternating rounds: with the
weights packed at every start, and prepared. The model's file is in the page cache, and kernels were timed before.

  npm run bench:startup -- [model.gguf] [options]

Without a model, one with the shape of bitnet-b1.58-2B-4T and random weights is made in build/ (1.2 GB).

  --rounds <count>    (5)
  --threads <count>   default: all available cores
  --json              one JSON object
`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    rounds: { type: 'string', default: '5' },
    threads: { type: 'string' },
    json: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
});
if (values.help) {
  process.stdout.write(help);
  process.exit(0);
}

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');
const bitnet = join(root, 'dist/bin/bitnet.mjs');
const model = positionals[0] ?? modelFile(root, '2b4t');
mkdirSync(join(root, 'build'), { recursive: true });
const caches = mkdtempSync(join(root, 'build', 'startup-'));
process.on('exit', () => rmSync(caches, { recursive: true, force: true }));

/** The first text that a continuation of 5 tokens gives. */
const run = ['run', '-m', model, '-p', 'Once upon a time', '--raw', '--temp', '0', '-n', '1'];
if (values.threads) run.push('-t', values.threads);
const ways = { packed: 'kept-nothing', prepared: 'kept' };

for (const [way, name] of Object.entries(ways)) {
  // The first start times kernels and counts zeros, the second prepares.
  await firstText(name, []);
  await firstText(name, way === 'prepared' ? ['--prepare'] : []);
}
const times = { packed: [], prepared: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  for (const [way, name] of Object.entries(ways)) times[way].push(await firstText(name, []));
}
report();

/** Seconds from the start of a process to the first byte of its text. */
function firstText(cache, options) {
  return new Promise((done, failed) => {
    const begin = performance.now();
    let seconds;
    let errors = '';
    const child = spawn(process.execPath, [bitnet, ...run, ...options, '--no-stdin'], {
      env: { ...process.env, BITNET_CACHE: join(caches, cache) },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    child.stdout.on('data', () => {
      seconds ??= (performance.now() - begin) / 1000;
    });
    child.stderr.on('data', (data) => {
      errors += data;
    });
    child.on('error', failed);
    child.on('close', (code) => {
      if (code === 0 && seconds !== undefined) done(seconds);
      else failed(new Error(`bitnet run ended with ${code}: ${errors}`));
    });
  });
}

function report() {
  const rows = Object.entries(times).map(([way, seconds]) => {
    const sorted = seconds.toSorted((a, b) => a - b);
    const median = sorted[Math.floor(sorted.length / 2)];
    return { way, median, least: sorted[0], most: sorted.at(-1), seconds };
  });
  const ratio = rows[1].median / rows[0].median;
  if (values.json) {
    const machine = { cpu: cpus()[0]?.model, node: process.version };
    console.log(JSON.stringify({ model, machine, rows, ratio }));
    return;
  }
  console.log(
    `seconds to the first token of ${model}, ${cpus()[0]?.model}, ${values.rounds} rounds`,
  );
  for (const { way, median, least, most } of rows) {
    const [a, b, c] = [median, least, most].map((seconds) => seconds.toFixed(2));
    console.log(`  ${way.padEnd(10)} ${a}   (${b} to ${c})`);
  }
  console.log(`  prepared / packed ${ratio.toFixed(2)}`);
}
