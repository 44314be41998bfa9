// Four models in one pool: their speed together, their memory, and a model on demand: "npm run bench:pool -- --help".
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const help = `Measures four models with the shape of bitnet_b1_58-large (0.7B) and random weights in one pool, in alternating rounds:

  together   tokens per second of four callers at once, over that of the same callers one after the other
  memory     of the process, over the weights of all models
  on demand  seconds until the first token of a prepared model that has to be loaded, for which another has to leave

  npm run bench:pool -- [options]

  --rounds <count>   (5)
  --tokens <count>   of each generation (64)
  --threads <count>  default: all available cores
  --json             one JSON object
`;

const { values } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    tokens: { type: 'string', default: '64' },
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
const folder = join(root, 'build', 'pool');
mkdirSync(folder, { recursive: true });
process.env.BITNET_CACHE = join(folder, 'cache');
const { createModelPool, inspectModel } = createRequire(import.meta.url)(root);

const names = ['a', 'b', 'c', 'd'];
const threads = values.threads === undefined ? {} : { threads: Number(values.threads) };
const models = Object.fromEntries(
  names.map((name, seed) => [name, { path: modelOf(name, seed), prepare: true, ...threads }]),
);
const maxTokens = Number(values.tokens);

const pool = createModelPool({ models, keepAlive: Number.POSITIVE_INFINITY });
for (const name of names) await generate(pool, name); // loads, and prepares
const rss = process.memoryUsage.rss();
const { memory } = pool.stats();
const rates = { inTurn: [], together: [] };
for (let round = 0; round < Number(values.rounds); round++) {
  rates.inTurn.push(
    await rateOf(async () => {
      const counts = [];
      for (const name of names) counts.push(await generate(pool, name));
      return counts;
    }),
  );
  rates.together.push(await rateOf(() => Promise.all(names.map((name) => generate(pool, name)))));
}
await pool[Symbol.asyncDispose]();

const { memory: one } = await inspectModel(models.a.path);
const room = 3.5 * (one.ternary + one.dense + one.head + one.norms);
const small = createModelPool({ models, maxMemory: room, keepAlive: Number.POSITIVE_INFINITY });
const onDemand = [];
for (let load = 0; load < 4 * Number(values.rounds); load++) {
  const begin = performance.now();
  await small.use(names[load % 4], async (model) => {
    const session = model.createSession();
    await session.complete('The cat', { maxTokens: 1, temperature: 0 });
    session.close();
  });
  if (load >= 4) onDemand.push((performance.now() - begin) / 1000);
}
await small[Symbol.asyncDispose]();
report();

/** Tokens of one generation. */
function generate(from, name) {
  return from.use(name, async (model) => {
    const session = model.createSession({ contextLength: 512 });
    const { usage } = await session.complete('The cat', { maxTokens, temperature: 0 });
    session.close();
    return usage.completionTokens;
  });
}

/** Tokens per second. */
async function rateOf(work) {
  const begin = performance.now();
  const counts = await work();
  return (1000 * counts.reduce((sum, count) => sum + count, 0)) / (performance.now() - begin);
}

function modelOf(name, seed) {
  const path = join(folder, `${name}.gguf`);
  if (existsSync(path)) return path;
  const cli = join(root, 'dist/bin/bitnet.mjs');
  const args = [cli, 'synth', '--shape', '700m', '-s', `${seed}`, '-o', path, '--quiet'];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error('Expected "bitnet synth" to write a model.');
  return path;
}

function median(numbers) {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)];
}

function report() {
  const together = median(rates.together.map((rate, i) => rate / rates.inTurn[i]));
  const result = {
    machine: { cpu: cpus()[0]?.model, node: process.version },
    ...{ rates, together, memory, rss, memoryRatio: rss / memory },
    ...{ onDemand, firstToken: median(onDemand) },
  };
  if (values.json) {
    console.log(JSON.stringify(result));
    return;
  }
  const tokens = (rate) => `${median(rate).toFixed(1)} tokens/s`;
  console.log(`four 0.7B models, ${cpus()[0]?.model}, ${values.rounds} rounds`);
  console.log(`  in turn    ${tokens(rates.inTurn)}`);
  console.log(`  together   ${tokens(rates.together)}, ratio ${together.toFixed(2)}`);
  console.log(
    `  memory     ${(rss / 2 ** 20).toFixed(0)} MiB of the process, ${(memory / 2 ** 20).toFixed(0)} MiB of weights`,
  );
  console.log(`  on demand  ${result.firstToken.toFixed(2)} s to the first token`);
}
