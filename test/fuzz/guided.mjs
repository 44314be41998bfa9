// Fuzzes a script of targets/ guided by V8's own block coverage, because no fuzzer of JavaScript that is kept up runs on every
// system that this project does: "node guided.mjs <target> <seconds> <folder for what it finds> <corpus>".
// An input that reaches a new block is kept, and the next ones are made of it.
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { Session } from 'node:inspector';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const mostBytes = 4096;
/** Little-endian numbers at which sizes, counts and offsets go wrong. */
const awkward = [
  0n,
  1n,
  31n,
  255n,
  256n,
  65_535n,
  2n ** 31n,
  2n ** 32n - 1n,
  2n ** 53n,
  2n ** 64n - 1n,
];

const corpus = [];

/** Of bytes to others; they may be changed in place. */
const changes = [
  (bytes) => {
    if (bytes.length > 0) bytes[below(bytes.length)] = below(256);
    return bytes;
  },
  (bytes) => {
    if (bytes.length > 0) bytes[below(bytes.length)] ^= 1 << below(8);
    return bytes;
  },
  (bytes) => {
    const number = Buffer.alloc(8);
    number.writeBigUInt64LE(awkward[below(awkward.length)]);
    number.copy(bytes, below(bytes.length + 1), 0, [1, 4, 8][below(3)]);
    return bytes;
  },
  (bytes) => {
    const [from, to] = part(bytes);
    return Buffer.concat([bytes.subarray(0, from), bytes.subarray(to)]);
  },
  (bytes) => {
    const [from, to] = part(bytes);
    return Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]);
  },
  (bytes) => {
    const other = corpus[below(corpus.length)];
    const [from, to] = part(other);
    const at = below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(from, to), bytes.subarray(at)]);
  },
];

const [name, seconds, found, ...folders] = process.argv.slice(2);
const { fuzz } = createRequire(import.meta.url)(`./targets/${name}.cjs`);
const session = new Session();
session.connect();
session.post('Profiler.enable');
session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });
const seen = new Set();

for (const folder of [found, ...folders]) {
  mkdirSync(folder, { recursive: true });
  for (const file of readdirSync(folder)) await attempt(readFileSync(join(folder, file)));
}
if (corpus.length === 0) throw new Error(`Expected a corpus in ${folders.join(', ')}.`);
const end = Date.now() + 1000 * Number(seconds);
let runs = 0;
for (; Date.now() < end; runs++) {
  const input = mutated();
  if (await attempt(input)) writeFileSync(join(found, `${Date.now()}-${runs}`), input);
}
console.log(`Done ${runs} runs, cov: ${seen.size} corp: ${corpus.length}`);

/** Runs the target; whether a block ran that none had before. What fails is written down first. */
async function attempt(input) {
  try {
    await fuzz(input);
  } catch (error) {
    const path = `${found}-crash-${Date.now()}`;
    writeFileSync(path, input);
    throw new Error(`The input ${path} fails.`, { cause: error });
  }
  const before = seen.size;
  for (const { url, functions } of coverage()) {
    if (!url.includes('/dist/lib/')) continue;
    for (const { ranges } of functions) {
      for (const { startOffset, endOffset, count } of ranges) {
        if (count > 0) seen.add(`${url}:${startOffset}:${endOffset}`);
      }
    }
  }
  if (seen.size > before) corpus.push(input);
  return seen.size > before;
}

/** Of what ran since the last time. */
function coverage() {
  let result = [];
  session.post('Profiler.takePreciseCoverage', (error, taken) => {
    if (error) throw error;
    result = taken.result;
  });
  return result;
}

/** One of the corpus, recent ones more often, with one to four changes. */
function mutated() {
  const recent = Math.random() < 0.5 ? Math.max(0, corpus.length - 20) : 0;
  let bytes = Buffer.from(corpus[recent + below(corpus.length - recent)]);
  for (let n = 1 + below(4); n > 0; n--) bytes = changes[below(changes.length)](bytes);
  return bytes.subarray(0, mostBytes);
}

/** Where a short part of the bytes begins and ends. */
function part({ length }) {
  const from = below(length + 1);
  return [from, Math.min(length, from + 1 + below(64))];
}

function below(count) {
  return Math.floor(Math.random() * count);
}
