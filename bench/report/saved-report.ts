import { readFile } from 'node:fs/promises';
import { BitnetError } from '../../lib/errors.js';
import { unreadableBecause } from '../../lib/files/system-fault.js';
import { shapes } from '../synth/shapes.js';
import type { BenchReport } from './report.js';

const again = 'measure again with -o json';

/** Whether a value is what a place of a report may hold. */
type Check = (value: unknown) => boolean;

/** Checks by name; of a list the check of its items, and how many there are at least. Names that are not here may be anything. */
type Fields = Check | List | { readonly [name: string]: Fields };

type List = readonly [items: Fields, least?: number];

const text: Check = (value) => typeof value === 'string';
const truth: Check = (value) => typeof value === 'boolean';
/** More than anything that is measured here. */
const number: Check = (value) => typeof value === 'number' && Math.abs(value) <= 1e18;
/** What others are divided by. */
const positive: Check = (value) => number(value) && (value as number) > 0;
const orNull =
  (fields: Fields): Check =>
  (value) =>
    value === null || faultIn(value, fields, '') === undefined;

const spread = { median: positive, mean: positive, sd: number };

const result: Fields = {
  ...{ model: text, format: text, test: text, batch: number, sequences: number, threads: number },
  extrapolated: orNull({ layers: [number], of: number }),
  kernel: { ternary: text, dense: text, vector: text },
  shape: {
    ...{ name: orNull(text), nLayer: number, dim: number, ffnDim: number, nHead: number },
    ...{ nKvHead: number, headDim: number, vocabSize: number },
    experts: (value) => value === undefined || number(value),
  },
  ...{ headPrefilter: truth, skipInactive: truth, noisy: truth },
  tokensPerSecond: spread,
  samples: [number, 1],
  ...{ millisecondsPerToken: number, timeToFirstTokenMilliseconds: orNull(number) },
  ...{ loadMilliseconds: number, gbPerSecond: orNull(number), gmacPerSecond: orNull(number) },
  ...{ fractionOfReadBandwidth: orNull(number), fractionOfMultiplyPeak: orNull(number) },
  peakRssBytes: orNull(number),
  memory: {
    ...{ ternary: number, dense: number, head: number, norms: number, kv: number },
    ...{ node: orNull(number), scratch: orNull(number), mappedFile: orNull(number) },
  },
  ...{ joulesPerToken: orNull(number), netJoulesPerToken: orNull(number), watts: orNull(number) },
  ...{ joulesPerTokenSd: orNull(number), joulesPerTokenSamples: [number] },
  ...{ idleWatts: orNull(number), energySource: orNull(text), energyReason: orNull(text) },
  energyResolution: orNull(number),
  modeledJoulesPerToken: { nm7: number, nm45: number },
  ...{ assumedWatts: orNull(number), assumedJoulesPerToken: orNull(number) },
};

const report: Fields = {
  date: text,
  machine: {
    ...{ cpu: text, cores: number, usableCores: number, memoryBytes: number },
    ...{ platform: text, osRelease: text, arch: text, isa: [text] },
    readBandwidth: [{ threads: number, gbPerSecond: positive }],
    multiplyPeak: [{ threads: number, gmacPerSecond: number }],
    multiplyInstruction: text,
  },
  build: { version: text, compiler: text, node: text },
  command: orNull(text),
  results: [result],
};

const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);

const size = oneOf(...Object.keys(shapes));
const cell: Fields = {
  ...{ value: number, error: orNull(number), samples: number, layers: orNull([number]) },
  basis: oneOf('measured', 'extrapolated', 'modeled'),
};
const published: Fields = { ratio: number, hardware: text, confidence: text, source: text };
const comparison = orNull({
  ...{ ratio: number, hardware: text, confidence: text, source: text },
  ...{ against: size, here: orNull(number) },
});
const batch = orNull({
  ...{ fixedBytes: number, bytesPerSequence: number, largest: number },
  ...{ bestSequences: orNull(number), throughput: orNull(cell) },
});

/** What a report of --paper has besides: everything that its tables show. */
const paper: Fields = {
  budgetBytes: number,
  timeBox: { limitSeconds: number, usedSeconds: number, cut: [text] },
  sizes: [
    {
      ...{ size, layers: number, gbPerSecond: number },
      formats: [
        {
          format: oneOf('f16', 'q4_0', 'i2_s'),
          ...{ memory: cell, decode: cell, prefill: cell, energy: cell },
          ...{ prefillEnergy: orNull(cell), fractionOfReadBandwidth: orNull(number) },
          ratios: orNull({ memory: number, decode: number, prefill: number, energy: number }),
        },
        1,
      ],
      published: { memory: comparison, decode: comparison, energy: comparison },
    },
    1,
  ],
  crossovers: [
    {
      ...{ ternary: size, fp16: size, source: text },
      rows: [
        {
          cost: oneOf('memory', 'decode', 'prefill', 'energy', 'prefillEnergy'),
          ...{ ternary: cell, fp16: cell, ratio: number, verdict: text },
        },
      ],
    },
  ],
  batches: [
    {
      ...{ size, positions: number, fp16: batch, ternary: batch },
      ...{ batchRatio: orNull(number), throughputRatio: orNull(number) },
      published: orNull({ batch: published, throughput: published }),
    },
    1,
  ],
  claims: [{ claim: text, source: text, verdict: text, why: text }],
  warnings: [text],
};

/**
 * Reads a report of `bitnet bench -o json`, also with --paper, with everything that is shown of one or compared.
 *
 * @throws ERR_BITNET_FILE
 */
export async function readSavedReport(path: string): Promise<BenchReport> {
  const content = await readFile(path, 'utf8').catch((cause) => {
    throw unreadable(path, unreadableBecause(cause), cause);
  });
  const saved = parsed(path, content);
  const hasTables = typeof saved === 'object' && saved !== null && 'sizes' in saved;
  const fault = faultIn(saved, report, '') ?? (hasTables ? faultIn(saved, paper, '') : undefined);
  if (fault === undefined) return saved as BenchReport;
  const reason = fault === '' ? 'it is' : `"${fault}" in it is missing or`;
  throw unreadable(path, `${reason} of another kind; ${again}`, undefined);
}

function parsed(path: string, content: string): unknown {
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw unreadable(path, `it is not JSON; ${again}`, cause);
  }
}

/** Where the first value is that does not pass its check. */
function faultIn(value: unknown, fields: Fields, path: string): string | undefined {
  if (typeof fields === 'function') return fields(value) ? undefined : path;
  if (isList(fields)) {
    const [item, least = 0] = fields;
    if (!Array.isArray(value) || value.length < least) return path;
    return first(value.keys(), (i) => faultIn(value[i], item, `${path}[${i}]`));
  }
  if (value === null || typeof value !== 'object') return path;
  const object = value as Record<string, unknown>;
  return first(Object.entries(fields), ([name, each]) =>
    faultIn(object[name], each, path === '' ? name : `${path}.${name}`),
  );
}

function isList(fields: Fields): fields is List {
  return Array.isArray(fields);
}

function first<T>(items: Iterable<T>, find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}

function unreadable(path: string, reason: string, cause: unknown): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected a report of "bitnet bench -o json" in "${path}", but ${reason}.`,
    { path, cause },
  );
}
