import { join } from 'node:path';
import { BitnetError } from '../errors.js';
import { readGguf } from '../gguf/reader.js';
import { loadModel } from '../model/load/load.js';
import type { Model } from '../model/model.js';
import { architectures } from '../model/spec/architectures.js';
import { isTernary } from '../model/spec/graph-tensors.js';
import {
  type GoldenFolder,
  goldenName,
  logitsName,
  readLogits,
  readTokens,
} from './golden-files.js';

/** How a model did beside one file of expected logits. */
export interface GoldenCheck {
  /** Name of the model's file. */
  readonly model: string;
  readonly architecture: string | null;
  /** Name of the file of expected logits; null where none was compared. */
  readonly logits: string | null;
  readonly status: 'ok' | 'fail' | 'unsupported';
  /** rms(difference) / rms(expected) over all positions; null where nothing was compared. */
  readonly rms: number | null;
  /** The same at the median position. */
  readonly median: number | null;
  /** The share of positions that are as near as the median should be. */
  readonly agreeing: number | null;
  /** What is wrong, not supported, or worth to know. */
  readonly message: string | null;
}

/**
 * What may lie between the engine and float64 with the same roundings. Without ternary layers that
 * is float32. With them a rounding may fall the other way at some positions, which moves these by a
 * percent or so: one of an activation its own position, one of a key or value all that follow. If
 * that is early, the median is one of those, and a few exact positions have to do: a graph that is
 * wrong has none but the first.
 */
const fewExact = 0.1;
const tolerances = {
  'none-kv16': { rms: 2e-4, median: 2e-4 },
  'tok8-kv16': { rms: 0.02, median: 1e-5 },
} as const;

type Variant = keyof typeof tolerances;

/** Batches whose logits must be those of all tokens at once, to the bit: the size of the i-th. */
const batchings: readonly [how: string, size: (i: number) => number][] = [
  ['token by token', () => 1],
  ['in batches of 7', () => 7],
  ['in growing batches', (i) => 2 * i + 1],
];

const unmeasured = { rms: null, median: null, agreeing: null };

export interface GoldenOptions {
  readonly kernel?: string | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Compares every model of a folder with the logits that float64 programs gave for it, and with itself:
 * batched otherwise, cut and evaluated again, and with the scalar kernels on one thread.
 *
 * @throws `ERR_BITNET_ABORTED`
 */
export async function* goldenChecks(
  folder: GoldenFolder,
  options: GoldenOptions = {},
): AsyncGenerator<GoldenCheck, void> {
  for (const model of folder.models) {
    const none = { model, architecture: null, logits: null, ...unmeasured };
    try {
      const { metadata } = await readGguf(join(folder.path, model));
      const architecture = metadata.get('general.architecture');
      if (typeof architecture === 'string' && !architectures.has(architecture)) {
        const message = `models of architecture ${architecture} cannot run yet`;
        yield { ...none, architecture, status: 'unsupported', message };
      } else yield* checksOf(folder, model, options);
    } catch (error) {
      if (!(error instanceof BitnetError) || error.code === 'ERR_BITNET_ABORTED') throw error;
      yield { ...none, status: 'fail', message: `${error.code}: ${error.message}` };
    }
  }
}

async function* checksOf(
  folder: GoldenFolder,
  file: string,
  { kernel, signal }: GoldenOptions,
): AsyncGenerator<GoldenCheck> {
  const load = (options: object) =>
    loadModel(join(folder.path, file), { autotune: false, signal, ...options });
  const model = await load({ kernel });
  try {
    const plain = await load({ kernel: 'scalar', threads: 1 });
    try {
      const name = goldenName(file, folder);
      const tokens = await readTokens(folder, name, model.spec.vocabSize);
      for (const { logits, capacity } of casesOf(folder, name, model, tokens.length)) {
        const use = { tokens, contextLength: Math.max(capacity, tokens.length), signal };
        const given = { model: file, architecture: model.spec.architecture, logits };
        yield { ...given, ...(await compared(folder, logits, model, plain, use)) };
      }
    } finally {
      plain.close();
    }
  } finally {
    model.close();
  }
}

/** Files of expected logits for a model, and the sessions they belong to. */
function casesOf(folder: GoldenFolder, name: string, { spec }: Model, tokens: number) {
  const variant = variantOf(spec);
  const { longAbove } = spec.rope;
  const whole = {
    logits: logitsName(name, variant),
    capacity: Math.max(spec.contextLength, tokens),
  };
  if (longAbove === undefined) return [{ ...whole, capacity: tokens }];
  const short = { logits: logitsName(`${name}-short`, variant), capacity: longAbove };
  return folder.names.has(short.logits) ? [whole, short] : [whole];
}

/** Which roundings of keys, values and activations the engine has: int8 before ternary layers. */
function variantOf({ tensors }: Model['spec']): Variant {
  const ternary = tensors.some(({ layer, type }) => layer >= 0 && isTernary(type));
  return ternary ? 'tok8-kv16' : 'none-kv16';
}

interface Use {
  readonly tokens: readonly number[];
  readonly contextLength: number;
  readonly signal: AbortSignal | undefined;
}

async function compared(
  folder: GoldenFolder,
  logits: string,
  model: Model,
  plain: Model,
  use: Use,
): Promise<Omit<GoldenCheck, 'model' | 'architecture' | 'logits'>> {
  const { vocabSize } = model.spec;
  const expected = await readLogits(folder, logits, use.tokens.length, vocabSize);
  const actual = await logitsOf(model, use);
  const most = tolerances[variantOf(model.spec)];
  const { rms, median, agreeing } = distance(actual, expected, vocabSize, most.median);
  const above = (what: string, value: number, limit: number) =>
    `${what} ${value.toExponential(1)}, more than ${limit.toExponential()}`;
  const far = above('median', median, most.median);
  const faults = [
    ...(rms <= most.rms ? [] : [above('rms', rms, most.rms)]),
    ...(agreeing >= fewExact ? [] : [far]),
  ];
  for (const [how, size] of batchings) {
    if (!same(await logitsOf(model, use, size), actual)) faults.push(`other bits ${how}`);
  }
  if (!same(await logitsOf(model, use, undefined, true), actual)) {
    faults.push('other bits after it was cut to its first half and continued');
  }
  if (!same(await logitsOf(plain, use), actual)) {
    faults.push('other bits with the scalar kernels on one thread');
  }
  const status = faults.length === 0 ? 'ok' : 'fail';
  if (status === 'ok' && !(median <= most.median)) {
    const share = `${Math.round(100 * agreeing)} % of the positions`;
    faults.push(`${far}, but ${share} are nearer: a rounding fell the other way early`);
  }
  return { status, rms, median, agreeing, message: faults.join('; ') || null };
}

/** All logits of the tokens, in batches of the given sizes; `again`: the second half a second time. */
async function logitsOf(
  model: Model,
  { tokens, contextLength, signal }: Use,
  size: (i: number) => number = () => tokens.length,
  again = false,
): Promise<Float32Array> {
  const { vocabSize } = model.spec;
  const logits = new Float32Array(tokens.length * vocabSize);
  const session = model.createSession({ contextLength });
  try {
    const append = async (end: number) => {
      const begin = session.position;
      const ids = tokens.slice(begin, end);
      logits.set(await session.evaluate(ids, { logits: 'all', signal }), begin * vocabSize);
    };
    for (let i = 0; session.position < tokens.length; i++) await append(session.position + size(i));
    if (again && tokens.length > 1) {
      session.truncate(Math.floor(tokens.length / 2));
      await append(tokens.length);
    }
    return logits;
  } finally {
    session.close();
  }
}

/** NaN anywhere gives NaN, which is in no tolerance. */
function distance(actual: Float32Array, expected: Float32Array, vocabSize: number, near: number) {
  const squares = (at: number, value: (i: number) => number) => {
    let sum = 0;
    for (let i = at; i < at + vocabSize; i++) sum += value(i) ** 2;
    return sum;
  };
  const rows = Array.from({ length: expected.length / vocabSize }, (_, row) => ({
    error: squares(row * vocabSize, (i) => actual[i]! - expected[i]!),
    size: squares(row * vocabSize, (i) => expected[i]!),
  }));
  const sum = (part: 'error' | 'size') => rows.reduce((total, row) => total + row[part], 0);
  const each = rows.map(({ error, size }) => Math.sqrt(error / size)).sort((a, b) => a - b);
  return {
    rms: Math.sqrt(sum('error') / sum('size')),
    median: each[Math.floor(each.length / 2)]!,
    agreeing: each.filter((error) => error <= near).length / each.length,
  };
}

function same(a: Float32Array, b: Float32Array): boolean {
  return Buffer.from(a.buffer).equals(Buffer.from(b.buffer));
}
