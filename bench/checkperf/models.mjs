// Decoding and prefill of a synthetic model, loaded once by a process of each checkout.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Side } from './side-process.mjs';

const limit = 0.98;
const promptTokens = 128;
/** Where a process's memory lies is a matter of luck: it is drawn anew after so many rounds. */
const roundsPerProcess = 5;

/** The model of a shape, written when it is first needed. */
export function modelFile(root, shape) {
  const folder = join(root, 'build/checkperf');
  const path = join(folder, `${shape}.gguf`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true });
  const cli = join(root, 'dist/bin/bitnet.mjs');
  const args = [cli, 'synth', '--shape', shape, '--output', path, '--quiet'];
  const { status } = spawnSync(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  if (status !== 0) throw new Error(`Expected "bitnet synth --shape ${shape}" to write a model.`);
  return path;
}

export async function compareModel(run, { shape, path, isa, threads }) {
  const { sides, report, options, signal } = run;
  const what = `${shape} ${isa} ${threads} ${threads === 1 ? 'thread' : 'threads'}`;
  const rates = { decode: { old: [], new: [] }, prefill: { old: [], new: [] } };
  let running = {};
  let sizes;
  const close = () => Object.values(running).forEach((side) => void side.close());
  signal.addEventListener('abort', close);
  try {
    for (let round = 0; round < options.rounds; round++) {
      report.progress(`${what}: round ${round + 1} of ${options.rounds}`);
      if (round % roundsPerProcess === 0) {
        close();
        running = {};
        for (const name of ['old', 'new']) {
          running[name] = new Side();
          const { root } = sides[name];
          await running[name].ask({ ask: 'load', root, path, kernel: isa, threads });
          const warm = await measured(running[name], { decode: 4, prefill: 1 }, round);
          sizes ??= sizesFor(warm, options.seconds);
        }
      }
      const order = round % 2 === 0 ? ['old', 'new'] : ['new', 'old'];
      const found = {};
      for (const name of order) found[name] = await measured(running[name], sizes, round);
      if (found.old.decode.ids.join() !== found.new.decode.ids.join()) report.differs(what);
      for (const part of ['decode', 'prefill']) {
        for (const name of order) rates[part][name].push(rateOf(found[name][part]));
      }
    }
  } finally {
    signal.removeEventListener('abort', close);
    close();
    for (const part of ['decode', 'prefill']) {
      report.line({ part, name: what, limit, ...rates[part] });
    }
  }
}

/** One measurement of both: so many tokens, and so many prompts. */
async function measured(side, { decode, prefill }, seed) {
  return {
    decode: await side.ask({ ask: 'decode', tokens: decode, seed }),
    prefill: await side.ask({ ask: 'prefill', tokens: promptTokens, count: prefill }),
  };
}

/** How much fills the time, the same for both checkouts. */
function sizesFor({ decode, prefill }, seconds) {
  const filling = ({ milliseconds }, count) =>
    Math.max(1, Math.round((seconds * 1000 * count) / milliseconds));
  return {
    decode: Math.min(256, Math.max(4, filling(decode, decode.tokens))),
    prefill: filling(prefill, prefill.tokens / promptTokens),
  };
}

function rateOf({ tokens, milliseconds }) {
  return { rate: (tokens / milliseconds) * 1000, rounding: 0 };
}
