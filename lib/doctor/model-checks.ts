import { freemem } from 'node:os';
import type { BitnetError } from '../errors.js';
import { type Inspection, inspectModel } from '../inspect.js';
import { loadModel } from '../model/load/load.js';
import type { LoadOptions } from '../model/load/load-options.js';
import type { Model } from '../model/model.js';
import { type Check, fail, ok, size, warn } from './check.js';
import { failure } from './machine-checks.js';

/** What the embedded model writes after this prompt, always choosing the most likely token. */
const golden = {
  prompt: 'Once upon a time',
  tokens: 24,
  text: ', there was a little girl named Lily. She loved to play with her toys and make things with her hands. One',
};

/** Tokens that are evaluated in several ways. */
const promptTokens = 16;

/** Token by token, no more of them are evaluated after so many milliseconds. */
const longSteps = 5000;

/** A model that took longer to load, in milliseconds, is not loaded a second time. */
const longLoad = 10_000;

const damaged = 'get the file again';
const report = 'report this with the model and the output of bitnet doctor --json';

export interface ModelCheckOptions {
  /** '' for the best. */
  /** What overrules the file. */
  readonly overrides?: Pick<
    LoadOptions,
    'activation' | 'i2sLayout' | 'tlTable' | 'preTokenizer' | 'metadataOverrides'
  >;
  readonly kernel: string;
  readonly signal: AbortSignal | undefined;
  /** Bytes of memory a model may take. @default what is free */
  readonly free?: number;
}

/** @param path of a GGUF file; undefined for the embedded model */
export async function* modelChecks(
  path: string | undefined,
  { overrides, kernel, signal, free = freemem() }: ModelCheckOptions,
): AsyncGenerator<Check> {
  const options: LoadOptions = { ...overrides, kernel, autotune: false, signal };
  let inspection: Inspection;
  try {
    inspection = await inspectModel(path, { ...overrides, kernel });
  } catch (error) {
    yield failure('file', error);
    return;
  }
  yield* fileChecks(inspection);
  if (inspection.problems.length > 0) return;
  const memory = memoryCheck(inspection, free);
  yield memory;
  if (memory.status === 'fail') return;

  let logits: Float32Array;
  try {
    const model = await loadModel(path, options);
    try {
      yield loadCheck(model);
      logits = await logitsOf(model, signal);
      yield logitCheck(model, logits);
      yield await prefillCheck(model, logits, signal);
      if (path === undefined) yield await goldenCheck(model, signal);
    } finally {
      model.close();
    }
    const threads = model.threads === 1 ? 2 : 1;
    if (model.loadMilliseconds > longLoad) {
      yield warn('threads', `not compared with ${threads}: loading takes too long to do it twice`);
      return;
    }
    const other = await loadModel(path, { ...options, threads });
    try {
      const same = equal(await logitsOf(other, signal), logits);
      const both = `${model.threads} and ${threads} threads`;
      yield same
        ? ok('threads', `the same bits with ${both}`)
        : fail('threads', `different results with ${both}`, report);
    } finally {
      other.close();
    }
  } catch (error) {
    const { code, message } = error as BitnetError;
    yield code === 'ERR_BITNET_NUMERIC'
      ? fail('logits', message, damaged)
      : failure('model', error);
  }
}

function* fileChecks({ path, file, architecture, tensors, ...rest }: Inspection): Generator<Check> {
  const counts = new Map<string, number>();
  for (const { type } of tensors) counts.set(type, (counts.get(type) ?? 0) + 1);
  const types = [...counts].map(([type, count]) => `${count} ${type}`).join(', ') || 'no tensors';
  yield ok('file', `${path}: ${architecture ?? 'no architecture'}, ${types}, ${size(file.size)}`);
  for (const { code, message } of rest.problems) yield fail('file', `${code}: ${message}`, null);
  for (const { subject, choice, reason, warning } of rest.decisions) {
    yield (warning ? warn : ok)('rule', `${subject}: ${choice}, because ${reason}`);
  }
}

function memoryCheck({ memory }: Inspection, free: number): Check {
  const { ternary = 0, dense = 0, head = 0, norms = 0, states } = memory ?? {};
  const weights = ternary + dense + head + norms;
  const ofSession = states?.working ?? 0; // snapshots are left out where there is no memory
  const needed = weights + ofSession;
  const besides = ofSession > 0 ? `, the states of a session up to ${size(ofSession)},` : '';
  const message = `weights take ${size(weights)}${besides} of the ${size(free)} available`;
  if (needed <= free) return ok('model', message);
  return fail('model', message, 'close other programs or use a smaller model');
}

function loadCheck({ loadMilliseconds, kernel, threads }: Model): Check {
  const seconds = (loadMilliseconds / 1000).toFixed(2);
  return ok('model', `loaded in ${seconds} s for ${kernel.ternary} and ${threads} threads`);
}

/** Token ids of a prompt; any do, where the vocabulary has none for the text. */
function promptIds(model: Model): number[] {
  const text = model.tokenize('Once upon a time there was a small house by the sea.', {
    addSpecial: true,
  });
  return Array.from({ length: promptTokens }, (_, i) => text[i] ?? i % model.spec.vocabSize);
}

/** Logits [tokens × vocabSize] of the prompt at once. */
async function logitsOf(model: Model, signal: AbortSignal | undefined): Promise<Float32Array> {
  const session = model.createSession({ contextLength: promptTokens });
  try {
    return await session.evaluate(promptIds(model), { logits: 'all', signal });
  } finally {
    session.close();
  }
}

/** Whether token by token gives the same logits, for as many tokens as there is time for. */
async function prefillCheck(
  model: Model,
  atOnce: Float32Array,
  signal: AbortSignal | undefined,
): Promise<Check> {
  const { vocabSize } = model.spec;
  const session = model.createSession({ contextLength: promptTokens });
  const end = performance.now() + longSteps;
  try {
    for (const [i, id] of promptIds(model).entries()) {
      const logits = await session.evaluate([id], { signal });
      if (!equal(logits, atOnce.subarray(i * vocabSize, (i + 1) * vocabSize))) {
        const message = `a prompt at once and token by token differ after token ${i + 1}`;
        return fail('prefill', message, report);
      }
      if (performance.now() > end) break;
    }
    const count = session.position;
    return ok('prefill', `${count} tokens at once give the same bits as one by one`);
  } finally {
    session.close();
  }
}

function logitCheck({ spec }: Model, logits: Float32Array): Check {
  const wrong = logits.findIndex((logit) => !Number.isFinite(logit));
  if (wrong < 0) return ok('logits', `all ${logits.length.toLocaleString('en-US')} are finite`);
  const place = `token ${wrong % spec.vocabSize} after position ${Math.floor(wrong / spec.vocabSize)}`;
  const message = `that of ${place} is ${logits[wrong]}: the weights are damaged`;
  return fail('logits', message, damaged);
}

async function goldenCheck(model: Model, signal: AbortSignal | undefined): Promise<Check> {
  const session = model.createSession();
  const { text } = await session.complete(golden.prompt, {
    ...{ temperature: 0, maxTokens: golden.tokens, signal },
  });
  session.close();
  if (text === golden.text) return ok('text', `${golden.prompt}${text}`);
  const wrong = `Expected ${JSON.stringify(golden.text)} after "${golden.prompt}", but the model writes ${JSON.stringify(text)}`;
  return fail('text', wrong, 'install bitnet again; if that does not help, report this');
}

/** Equal bits, but for NaNs of any kind. */
function equal(a: Float32Array, b: Float32Array): boolean {
  return a.every((value, i) => Object.is(value, b[i]));
}
