import { mkdirSync } from 'node:fs';
import { beforeAll, expect, it } from 'vitest';
import * as bitnet from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyAdapter } from '../fixtures/tiny-adapter.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { loadedTinyModel, rejection } from './tiny.js';

// Every public call with arguments and options of wrong types, as JavaScript can make them: each is
// refused as an argument, in a sentence, and leaves everything as it was.

// biome-ignore lint/suspicious/noExplicitAny: the types would refuse what is tested here
type Any = any;
type Accepts = (value: unknown) => boolean;

const model = loadedTinyModel({ vocabSize: 320, nLayer: 1 });
const temp = tempFolder();
const adapterPath = temp('adapter.gguf');
let session: bitnet.Session;
let chat: bitnet.Chat;
let pool: bitnet.ModelPool;
beforeAll(async () => {
  pool = bitnet.createModelPool({ models: { a: path() } });
  session = model().createSession();
  await session.evaluate([1, 2, 3]);
  chat = model().createChat();
  await tinyAdapter(tinyModel({ vocabSize: 320, nLayer: 1 })).write(adapterPath);
  mkdirSync(temp('folder'));
});

const values: Record<string, unknown> = {
  'minus one': -1,
  'a half': 0.5,
  NaN: Number.NaN,
  'a bigint': 1n,
  'a text': 'ab\0c',
  'no text': '',
  true: true,
  null: null,
  'an object': { a: 1 },
  'an array of objects': [{}],
  'a sparse array': new Array(2),
  'a function': () => {},
  'a symbol': Symbol('x'),
  'a map': new Map(),
  'bytes of a text': Buffer.from('abc'),
  'a vector': Float32Array.of(1, 2),
  'an endless list': { length: 2 ** 53 - 1 },
};

const is = {
  nothing: (() => false) as Accepts,
  number: ((value) => typeof value === 'number' && value >= 0) as Accepts,
  integer: Number.isInteger as Accepts,
  part: ((value) => value === 0.5) as Accepts,
  text: ((value) => typeof value === 'string') as Accepts,
  source: ((value) => typeof value === 'string' && value !== '') as Accepts,
  flag: ((value) => typeof value === 'boolean') as Accepts,
  function: ((value) => typeof value === 'function') as Accepts,
  object: ((value) => typeof value === 'object') as Accepts,
};

interface Call {
  /** Makes the call: `wrong` takes the place of the named argument or goes among the options. */
  readonly run: (wrong: { value?: Any; options?: Any }) => unknown;
  /** What the argument may be after all; without, there is none to test. */
  readonly argument?: Accepts;
  readonly options?: Readonly<Record<string, Accepts>>;
}

const generateOptions = {
  maxTokens: is.nothing,
  temperature: is.number,
  topK: is.nothing,
  topP: is.number,
  minP: is.number,
  repeatPenalty: is.number,
  repeatLastN: ((value) => value === -1) as Accepts,
  presencePenalty: ((value) => typeof value === 'number' && !Number.isNaN(value)) as Accepts,
  frequencyPenalty: ((value) => typeof value === 'number' && !Number.isNaN(value)) as Accepts,
  seed: is.nothing,
  ...{ topNSigma: is.number, typicalP: is.number, samplers: is.nothing },
  ...{ xtcProbability: is.number, xtcThreshold: is.number },
  ...{ dryMultiplier: is.number, dryBase: is.nothing, dryAllowedLength: is.nothing },
  ...{ dryPenaltyLastN: ((value) => value === -1) as Accepts, drySequenceBreakers: is.nothing },
  logitBias: ((value) => value instanceof Map) as Accepts,
  ...{ bannedTokens: is.nothing, stopTokens: is.nothing },
  ...{ minTokens: is.nothing, ignoreEnd: is.flag },
  ...{ logprobs: is.nothing, logprobsFrom: is.nothing, promptLogprobs: is.nothing },
  ...{ lookup: is.flag, draft: is.nothing, maxDraft: is.nothing },
  grammar: is.text, // ERR_BITNET_GRAMMAR
  jsonSchema: ((value) =>
    [values['an object'], values['an endless list'], true].includes(value)) as Accepts,
  stop: is.source,
  parseSpecial: is.flag,
  caller: is.text,
  priority: is.integer,
  adapters: is.nothing,
  signal: is.nothing,
  onProgress: is.function,
};
const loadOptions = {
  ...{ path: is.text, threads: is.nothing, kernel: is.text, activation: is.nothing },
  ...{ autotune: is.flag, headPrefilter: is.flag, skipInactive: is.flag, i2sLayout: is.nothing },
  ...{ tlTable: is.text, preTokenizer: is.text, contextLength: is.nothing, kvMemory: is.nothing },
  ...{ stepTarget: is.part, share: is.part, maxRunning: is.nothing, maxQueue: is.nothing },
  prefixCache: is.flag,
  adapterMemory: is.nothing,
  prepare: ((value) => is.flag(value) || is.source(value)) as Accepts,
  metadataOverrides: is.object,
  chatTemplate: is.nothing,
  ...{ signal: is.nothing, onProgress: is.function },
};
const sessionOptions = { contextLength: is.nothing, kvType: is.nothing, adapters: is.nothing };
const path = () => model().path;

const calls: Record<string, Call> = {
  loadModel: {
    run: ({ value = path(), options }) => bitnet.loadModel(value, options),
    argument: is.source,
  },
  'loadModel with options': {
    run: ({ options }) => bitnet.loadModel(options),
    options: { ...loadOptions, path: is.source },
  },
  'loadModel with a path and options': {
    run: ({ options }) => bitnet.loadModel(path(), options),
    options: { ...loadOptions, path: is.nothing },
  },
  loadTokenizer: {
    run: ({ value = path(), options }) => bitnet.loadTokenizer(value, options),
    argument: is.source,
    options: { preTokenizer: is.text, path: is.nothing, metadataOverrides: is.object },
  },
  inspectModel: {
    run: ({ value = path(), options }) => bitnet.inspectModel(value, options),
    argument: is.source,
    options: {
      ...{ path: is.nothing, kernel: is.text, activation: is.nothing, i2sLayout: is.nothing },
      ...{ tlTable: is.text, preTokenizer: is.text, headPrefilter: is.flag, skipInactive: is.flag },
      metadataOverrides: is.object,
    },
  },
  createSession: {
    run: ({ options }) => model().createSession(options),
    options: sessionOptions,
  },
  createChat: {
    run: ({ options }) => model().createChat(options),
    options: { ...sessionOptions, system: is.nothing, chatTemplate: is.nothing },
  },
  loadAdapter: {
    run: ({ value = adapterPath, options }) => model().loadAdapter(value, options),
    argument: is.source,
    options: { name: is.text, onDemand: is.flag, signal: is.nothing },
  },
  embed: {
    run: ({ value = ['a'], options }) => model().embed(value, options),
    argument: is.nothing,
    options: { pooling: is.nothing, normalize: is.flag, signal: is.nothing },
  },
  'embed of one text': {
    run: ({ value }) => model().embed([value]),
    argument: (value) => is.text(value) || value === values['an endless list'],
  },
  tokenize: {
    run: ({ value = 'a', options }) => model().tokenize(value, options),
    argument: is.text,
    options: { addSpecial: is.flag, parseSpecial: is.flag, continues: is.flag },
  },
  detokenize: {
    run: ({ value }) => model().detokenize(value),
    argument: (value) => value instanceof Map, // it is empty, and iterable
  },
  'tokenizer.decode': {
    run: ({ value = [1], options }) => model().tokenizer.decode(value, options),
    argument: (value) => value instanceof Map,
    options: { special: is.flag },
  },
  'tokenizer.tokenBytes': {
    run: ({ value }) => model().tokenizer.tokenBytes(value),
    argument: is.nothing,
  },
  'tokenizer.tokenText': {
    run: ({ value }) => model().tokenizer.tokenText(value),
    argument: is.nothing,
  },
  'tokenizer.splitControl': {
    run: ({ value }) => model().tokenizer.splitControl(value),
    argument: is.text,
  },
  'session.generate': {
    run: ({ value = 'a', options }) => session.generate(value, options),
    argument: is.text,
    options: generateOptions,
  },
  'session.complete': {
    run: ({ value = 'a', options }) => session.complete(value, options),
    argument: is.text,
    options: { ...generateOptions, n: is.nothing },
  },
  'session.evaluate': {
    run: ({ value = [1], options }) => session.evaluate(value, options),
    argument: (value) => value === values['an endless list'], // ERR_BITNET_CONTEXT
    options: { logits: is.nothing, top: is.nothing, signal: is.nothing, onProgress: is.function },
  },
  'session.score': {
    run: ({ value = [1], options }) => session.score(value, options),
    argument: (value) => value === values['an endless list'],
    options: { signal: is.nothing, onProgress: is.function },
  },
  'session.truncate': { run: ({ value }) => session.truncate(value), argument: is.nothing },
  'session.keepPrefix': {
    run: ({ value }) => session.keepPrefix(value),
    // Whatever differs from the tokens is forgotten, so lists of anything are no mistake.
    argument: (value) => Array.isArray(value) || value === values['an endless list'],
  },
  'session.save': {
    run: ({ value = temp('saved'), options }) => session.save(value, options),
    argument: is.nothing,
    options: { signal: is.nothing, overwrite: is.flag },
  },
  'session.load': {
    run: ({ value = temp('saved'), options }) => session.load(value, options),
    argument: is.nothing,
    options: { signal: is.nothing, accept: is.function },
  },
  'chat.send': {
    run: ({ value = 'a', options }) => chat.send(value, options),
    argument: is.text,
    options: generateOptions,
  },
  'chat.complete': {
    run: ({ value = 'a', options }) => chat.complete(value, options),
    argument: is.text,
    options: generateOptions,
  },
  'chat.regenerate': { run: ({ options }) => chat.regenerate(options), options: generateOptions },
  'chat.save': {
    run: ({ value = temp('chat'), options }) => chat.save(value, options),
    argument: is.nothing,
    options: { signal: is.nothing, overwrite: is.flag },
  },
  'chat.load': {
    run: ({ value = temp('chat'), options }) => chat.load(value, options),
    argument: is.nothing,
    options: { signal: is.nothing },
  },
  'chat.system': {
    run: ({ value }) => {
      chat.system = value;
    },
    argument: is.nothing,
  },
  perplexity: {
    run: ({ value = 'a', options }) => bitnet.perplexity(model(), value, options),
    argument: is.nothing,
    options: {
      ...{ contextLength: is.nothing, stride: is.nothing, chunks: is.nothing },
      ...{ parseSpecial: is.flag, kvType: is.nothing, signal: is.nothing },
      ...{ onProgress: is.function, onFraction: is.function },
    },
  },
  'perplexity of a model': {
    run: ({ value }) => bitnet.perplexity(value, 'a'),
    argument: is.nothing,
  },
  evalItems: {
    run: ({ value = [{ text: 'a b' }], options }) => bitnet.evalItems(model(), value, options),
    argument: is.nothing,
    options: {
      ...{ blank: is.flag, limit: is.nothing, contextLength: is.nothing },
      ...{ kvType: is.nothing, signal: is.nothing, onProgress: is.function },
    },
  },
  'evalItems of a model': {
    run: ({ value }) => bitnet.evalItems(value, [{ text: 'a b' }]),
    argument: is.nothing,
  },
  parseEvalItems: { run: ({ value }) => bitnet.parseEvalItems(value), argument: is.text },
  measureSparsity: {
    run: ({ value }) => bitnet.measureSparsity(model(), value),
    argument: is.text,
  },
  'measureSparsity of a model': {
    run: ({ value }) => bitnet.measureSparsity(value, 'a'),
    argument: is.nothing,
  },
  pullModel: {
    run: ({ value = 'no source', options }) => bitnet.pullModel(value, options),
    argument: is.nothing,
    options: {
      ...{ output: is.text, sha256: is.nothing, force: is.flag, retries: is.nothing },
      ...{ stallTimeout: is.nothing, signal: is.nothing },
      ...{ onProgress: is.function, onNotice: is.function },
    },
  },
  compareModels: {
    run: ({ value = 'a', options }) => bitnet.compareModels(model(), model(), value, options),
    argument: is.text,
    options: {
      ...{ contextLength: is.nothing, stride: is.nothing, chunks: is.nothing },
      ...{ parseSpecial: is.flag, kvType: is.nothing, signal: is.nothing },
      ...{ onProgress: is.function, onFraction: is.function },
    },
  },
  'compareModels of models': {
    run: ({ value }) => bitnet.compareModels(model(), value, 'a'),
    argument: is.nothing,
  },
  convertCheckpoint: {
    run: ({ value = temp('none'), options }) =>
      bitnet.convertCheckpoint(value, temp('out'), options),
    argument: is.text,
    options: {
      ...{ type: is.nothing, allowRounding: is.flag, overwrite: is.flag },
      ...{ signal: is.nothing, onProgress: is.function },
    },
  },
  convertRepository: {
    run: ({ value = 'no source', options }) =>
      bitnet.convertRepository(value, temp('out'), options),
    argument: is.nothing,
    options: {
      ...{ type: is.nothing, allowRounding: is.flag, overwrite: is.flag, retries: is.nothing },
      ...{ stallTimeout: is.nothing, signal: is.nothing, onProgress: is.function },
      ...{ onPull: is.function, onNotice: is.function },
    },
  },
  'convertRepository to': {
    run: ({ value }) => bitnet.convertRepository('owner/repo', value),
    argument: is.text,
  },
  'convertCheckpoint to': {
    run: ({ value }) => bitnet.convertCheckpoint(temp('none'), value),
    argument: is.text,
  },
  convertAdapter: {
    run: ({ value = temp('none'), options }) => bitnet.convertAdapter(value, temp('out'), options),
    argument: is.text,
    options: {
      ...{ base: is.text, overwrite: is.flag, signal: is.nothing, onProgress: is.function },
    },
  },
  'convertAdapter to': {
    run: ({ value }) => bitnet.convertAdapter(temp('folder'), value),
    argument: is.text,
  },
  exportCheckpoint: {
    run: ({ value = temp('none'), options }) =>
      bitnet.exportCheckpoint(value, temp('out'), options),
    argument: is.text,
    options: {
      ...{ maxShardBytes: is.nothing, threads: is.nothing, i2sLayout: is.nothing },
      ...{ tlTable: is.source, signal: is.nothing, onProgress: is.function },
    },
  },
  'exportCheckpoint to': {
    run: ({ value }) => bitnet.exportCheckpoint(temp('none'), value),
    argument: is.text,
  },
  quantizeModel: {
    run: ({ value = temp('none'), options = { type: 'tq1_0' } }) =>
      bitnet.quantizeModel(value, temp('out'), options),
    argument: is.text,
    options: {
      ...{ type: is.nothing, tokenEmbeddingType: is.nothing, outputType: is.nothing },
      ...{ keep: is.nothing, force: is.flag, allowRounding: is.flag, allowRequantize: is.flag },
      ...{ threads: is.nothing, i2sLayout: is.nothing, tlTable: is.source },
      ...{ overwrite: is.flag, signal: is.nothing, onProgress: is.function },
    },
  },
  'quantizeModel to': {
    run: ({ value }) => bitnet.quantizeModel(temp('none'), value, { type: 'TQ1_0' }),
    argument: is.text,
  },
  splitModel: {
    run: ({ value = temp('none'), options }) => bitnet.splitModel(value, temp('out'), options),
    argument: is.text,
    options: {
      ...{ maxTensors: is.nothing, maxBytes: is.nothing, overwrite: is.flag },
      ...{ signal: is.nothing, onProgress: is.function },
    },
  },
  'splitModel to': {
    run: ({ value }) => bitnet.splitModel(temp('none'), value),
    argument: is.text,
  },
  mergeModel: {
    run: ({ value = temp('none'), options }) => bitnet.mergeModel(value, temp('out'), options),
    argument: is.text,
    options: { overwrite: is.flag, signal: is.nothing, onProgress: is.function },
  },
  'mergeModel to': {
    run: ({ value }) => bitnet.mergeModel(temp('none'), value),
    argument: is.text,
  },
  createModelPool: { run: ({ value }) => bitnet.createModelPool(value), argument: is.nothing },
  'createModelPool with models': {
    run: ({ options }) =>
      bitnet.createModelPool(
        Object.getPrototypeOf(options) === Object.prototype
          ? { models: { a: path() }, ...options }
          : options,
      ),
    options: { models: is.nothing, maxMemory: is.number, keepAlive: is.number },
  },
  'pool.acquire': {
    run: ({ value = 'a', options }) => pool.acquire(value, options),
    argument: is.nothing,
    options: { signal: is.nothing },
  },
  'pool.use': {
    run: ({ value = () => {}, options }) => pool.use('a', value, options),
    argument: is.function,
    options: { signal: is.nothing },
  },
  'pool.use of a name': { run: ({ value }) => pool.use(value, () => {}), argument: is.nothing },
  findModel: { run: ({ value }) => bitnet.findModel(value), argument: is.text },
  removeModel: { run: ({ value }) => bitnet.removeModel(value), argument: is.text },
};

/** Arguments that may be left out: null counts as that. */
const optional = /^(loadModel|loadTokenizer|inspectModel|chat\.system)$/;

async function expectRefusal(name: string, action: () => unknown) {
  const error = (await rejection((async () => action())())) as bitnet.BitnetError;
  expect(error, `${name}: ${error.stack}`).toBeInstanceOf(bitnet.BitnetError);
  expect([error.code, error.name], error.message).toEqual(['ERR_BITNET_ARGUMENT', 'BitnetError']);
  expect(error.message).toMatch(/^Expected .+[.?]$/);
}

const withArgument = Object.entries(calls).filter(([, { argument }]) => argument);
const withOptions = Object.entries(calls).filter(([, { options }]) => options);

it.each(withArgument)('%s refuses an argument of a wrong type', async (call, { run, argument }) => {
  for (const [name, value] of Object.entries(values)) {
    if (argument!(value) || (value === null && optional.test(call))) continue;
    await expectRefusal(name, () => run({ value }));
  }
});

it.each(withOptions)('%s refuses every option of a wrong type', async (_, { run, options }) => {
  for (const [option, accepts] of Object.entries(options!)) {
    for (const [name, value] of Object.entries(values)) {
      if (value === null || accepts(value)) continue;
      await expectRefusal(`${option}: ${name}`, () => run({ options: { [option]: value } }));
    }
  }
});

it.each(withOptions)('%s refuses options that are none', async (call, { run }) => {
  for (const [name, value] of Object.entries(values)) {
    if (value === null || (call === 'loadModel with options' && is.text(value))) continue;
    await expectRefusal(name, () => run({ options: value }));
  }
  await expectRefusal('an unknown name', () => run({ options: { nonsense: undefined } }));
});

it('every public function and method that takes something is among these', () => {
  const methods = (owner: object) =>
    Object.getOwnPropertyNames(Object.getPrototypeOf(owner)).filter((name) => {
      const { value } = Object.getOwnPropertyDescriptor(Object.getPrototypeOf(owner), name)!;
      return name !== 'constructor' && typeof value === 'function' && value.length > 0;
    });
  const of = (prefix: string, owner: object) => methods(owner).map((name) => `${prefix}${name}`);
  const functions = Object.entries(bitnet)
    .filter(([name, value]) => typeof value === 'function' && name !== 'BitnetError')
    .filter(([, value]) => (value as () => void).length > 0)
    .map(([name]) => name);
  const internal = ['identify', 'session.states', 'session.layers', 'tokenizer.encodeInSteps'];
  const tabled = [...Object.keys(calls), ...internal, 'tokenizer.encode'];
  expect(tabled).toEqual(
    expect.arrayContaining([
      ...functions,
      ...of('', model()),
      ...of('session.', session),
      ...of('chat.', chat),
      ...of('pool.', pool),
      ...of('tokenizer.', model().tokenizer),
    ]),
  );
});

it('nothing has been changed by all that', async () => {
  expect([...session.tokens]).toEqual([1, 2, 3]);
  expect(chat.messages).toEqual([]);
  const fresh = model().createSession();
  await fresh.evaluate([1, 2, 3]);
  expect(await session.evaluate([4])).toEqual(await fresh.evaluate([4]));
});
