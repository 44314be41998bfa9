import { readReport, unreadable } from './compare.js';
import type { BenchReport } from './report.js';

/** Whether a value is what a place of a report may hold. */
type Check = (value: unknown) => boolean;

/** Checks by name; of a list the check of its items. Names that are not here may be anything. */
type Fields = Check | readonly [Fields] | { readonly [name: string]: Fields };

const text: Check = (value) => typeof value === 'string';
const truth: Check = (value) => typeof value === 'boolean';
/** More than anything that is measured here. */
const number: Check = (value) => typeof value === 'number' && Math.abs(value) <= 1e18;
const orNull =
  (fields: Fields): Check =>
  (value) =>
    value === null || faultIn(value, fields, '') === undefined;

const spread = { median: number, mean: number, sd: number };

const result: Fields = {
  ...{ model: text, format: text, test: text, batch: number, sequences: number, threads: number },
  extrapolated: orNull({ layers: [number], of: number }),
  kernel: { ternary: text, dense: text, vector: text },
  shape: {
    ...{ name: orNull(text), nLayer: number, dim: number, ffnDim: number, nHead: number },
    ...{ nKvHead: number, headDim: number, vocab: number },
  },
  ...{ screenHead: truth, skipZeros: truth, noisy: truth },
  tokensPerSecond: spread,
  samples: [number],
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
  modelledJoulesPerToken: { nm7: number, nm45: number },
  ...{ assumedWatts: orNull(number), assumedJoulesPerToken: orNull(number) },
};

const report: Fields = {
  date: text,
  machine: {
    ...{ cpu: text, cores: number, usableCores: number, memoryBytes: number },
    ...{ platform: text, osRelease: text, arch: text, isa: [text] },
    readBandwidth: [{ threads: number, gbPerSecond: number }],
    multiplyPeak: [{ threads: number, gmacPerSecond: number }],
    multiplyInstruction: text,
  },
  build: { version: text, compiler: text, node: text },
  command: orNull(text),
  results: [result],
};

/** Reads a report of `bitnet bench -o json` with everything that is shown of one. @throws ERR_BITNET_FILE */
export async function readSavedReport(path: string): Promise<BenchReport> {
  const saved = await readReport(path);
  const fault = faultIn(saved, report, '');
  if (fault !== undefined) {
    throw unreadable(path, `"${fault}" in it is missing or of another kind`, undefined);
  }
  return saved;
}

/** Where the first value is that does not pass its check. */
function faultIn(value: unknown, fields: Fields, path: string): string | undefined {
  if (typeof fields === 'function') return fields(value) ? undefined : path;
  if (Array.isArray(fields)) {
    if (!Array.isArray(value)) return path;
    return first(value.keys(), (i) => faultIn(value[i], fields[0], `${path}[${i}]`));
  }
  if (value === null || typeof value !== 'object') return path;
  const object = value as Record<string, unknown>;
  return first(Object.entries(fields), ([name, each]) =>
    faultIn(object[name], each, path === '' ? name : `${path}.${name}`),
  );
}

function first<T>(items: Iterable<T>, find: (item: T) => string | undefined): string | undefined {
  for (const item of items) {
    const found = find(item);
    if (found !== undefined) return found;
  }
  return undefined;
}
