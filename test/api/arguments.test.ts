import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BitnetError, evalItems, loadModel } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { loadedTinyModel, rejection } from './tiny.js';

// Calls as JavaScript makes them: with anything at all.
// biome-ignore lint/suspicious/noExplicitAny: the types would refuse what is tested here
type Any = any;

const model = loadedTinyModel({ vocabSize: 320, nLayer: 1 });
const temp = tempFolder();

async function expectError(promise: Promise<unknown>, code: string, message: string | RegExp) {
  const error = (await rejection(promise)) as BitnetError;
  expect(error).toBeInstanceOf(BitnetError);
  expect([error.code, error.name]).toEqual([code, 'BitnetError']);
  if (typeof message === 'string') expect(error.message).toBe(message);
  else expect(error.message).toMatch(message);
}

describe('loadModel refuses', () => {
  const threads = (value: string) =>
    `Expected an integer from 1 to 1024 for option threads, but received ${value}.`;
  const context = (value: string) =>
    `Expected an integer from 1 to 16777216 for option contextLength, but received ${value}.`;
  const kvMemory = (value: string) =>
    `Expected a positive number of bytes, or Infinity, for option kvMemory, but received ${value}.`;
  const signal = (value: string) =>
    `Expected an AbortSignal for option signal, but received ${value}.`;

  it.each<[options: Any, message: string]>([
    ['fast', 'Expected an object for options, but received "fast".'],
    [
      { thread: 2 },
      'Expected only known options, but received the option "thread"; did you mean threads?',
    ],
    [{ threads: 0 }, threads('0')],
    [{ threads: 1.5 }, threads('1.5')],
    [{ threads: 1025 }, threads('1025')],
    [{ threads: '2' }, threads('"2"')],
    [{ threads: Number.NaN }, threads('NaN')],
    [{ contextLength: 0 }, context('0')],
    [{ contextLength: 2 ** 24 + 1 }, context('16777217')],
    [{ kvMemory: 0 }, kvMemory('0')],
    [{ kvMemory: 2.5 }, kvMemory('2.5')],
    [{ kvMemory: '2GB' }, kvMemory('"2GB"')],
    [
      { activation: 'gelu' },
      "Expected the option activation to be 'relu2', 'silu' or 'gelu_tanh', but received gelu.",
    ],
    [{ kernel: 5 }, 'Expected a name for option kernel, but received 5.'],
    [{ autotune: 1 }, 'Expected true or false for option autotune, but received 1.'],
    [
      { i2sLayout: 'x86' },
      "Expected 'canonical', 'arm64' or 'rows4' for option i2sLayout, but received \"x86\".",
    ],
    [
      { tlTable: 5 },
      'Expected a preset (large, 3b, llama3-8b) or a path for option tlTable, but received 5.',
    ],
    [
      { headPrefilter: 'no' },
      'Expected true or false for option headPrefilter, but received "no".',
    ],
    [{ skipInactive: 0 }, 'Expected true or false for option skipInactive, but received 0.'],
    [
      { stepTarget: 0 },
      'Expected a number from 0.001 to 1000000 for option stepTarget, but received 0.',
    ],
    [{ share: '2' }, 'Expected a number from 0.001 to 1000 for option share, but received "2".'],
    [
      { maxRunning: 0 },
      'Expected an integer from 1 to 1000000 for option maxRunning, but received 0.',
    ],
    [
      { maxQueue: 1.5 },
      'Expected an integer from 0 to 1000000 for option maxQueue, but received 1.5.',
    ],
    [{ preTokenizer: 5 }, 'Expected a name for option preTokenizer, but received 5.'],
    [{ signal: 'stop' }, signal('"stop"')],
    [{ signal: {} }, signal('an object')],
    [{ onProgress: 5 }, 'Expected a function for option onProgress, but received 5.'],
  ])('the options %j', async (options, message) => {
    await expectError(loadModel(model().path, options), 'ERR_BITNET_ARGUMENT', message);
  });

  it.each<[path: Any, message: string]>([
    [5, 'Expected the path of a GGUF file for path, but received 5.'],
    ['', 'Expected the path of a GGUF file for path, but received "".'],
    [[], 'Expected the path of a GGUF file for path, but received an array of length 0.'],
    [
      'https://huggingface.co/owner/repo/resolve/main/model.gguf',
      'Expected the path of a GGUF file for path, but received the address "https://huggingface.co/owner/repo/resolve/main/model.gguf"; get it with pullModel (bitnet pull) first.',
    ],
    [
      new URL('data:,abc'),
      'Expected the path of a GGUF file, or a file: URL of one, for path, but received "data:,abc".',
    ],
    [
      'file://another-host/model.gguf',
      'Expected the path of a GGUF file, or a file: URL of one, for path, but received "file://another-host/model.gguf".',
    ],
  ])('the path %j', async (path, message) => {
    await expectError(loadModel(path), 'ERR_BITNET_ARGUMENT', message);
  });

  it('files that are not there, or no files', async () => {
    const missing = temp('nothere.gguf');
    const sentence = `Expected a model file at "${missing}", but there is none; check the path.`;
    await expectError(loadModel(missing), 'ERR_BITNET_FILE', sentence);
    mkdirSync(temp('folder'));
    await expectError(loadModel(temp('folder')), 'ERR_BITNET_FILE', /but it is a directory; give/);
    await expectError(loadModel('/dev/zero'), 'ERR_BITNET_FILE', /but it is a pipe, socket or dev/);
    await expectError(loadModel('a\0b'), 'ERR_BITNET_FILE', /Expected to read the model file/);
    writeFileSync(temp('empty.gguf'), '');
    await expectError(
      loadModel(temp('empty.gguf')),
      'ERR_BITNET_GGUF',
      /but found an empty file; /,
    );
  });

  it('kernels that do not exist or cannot run, wherever they are named', async () => {
    const unknown = /mad2-scalar.*, but received "warp" \(--kernel, kernel, BITNET_KERNEL\), which/;
    await expectError(loadModel(model().path, { kernel: 'warp' }), 'ERR_BITNET_KERNEL', unknown);
    process.env.BITNET_KERNEL = 'warp';
    try {
      await expectError(loadModel(model().path), 'ERR_BITNET_KERNEL', unknown);
      const forced = await loadModel(model().path, { kernel: 'scalar' });
      expect(forced.kernel).toMatchObject({ dense: 'scalar', vector: 'scalar' });
      forced.close();
    } finally {
      delete process.env.BITNET_KERNEL;
    }
  });

  it('pre-tokenizers that do not exist', async () => {
    const loading = loadModel(model().path, { preTokenizer: 'spacy' });
    await expectError(loading, 'ERR_BITNET_TOKENIZER', /spacy/);
  });
});

describe('createSession refuses', () => {
  const context = 'Expected an integer from 1 to 16777216 for option contextLength, but received';
  it.each<[options: Any, message: string]>([
    [{ contextLength: 0 }, `${context} 0.`],
    [{ contextLength: 2.5 }, `${context} 2.5.`],
    [{ contextLength: '512' }, `${context} "512".`],
    [{ contextLength: 2 ** 24 + 1 }, `${context} 16777217.`],
    [
      { context: 512 },
      'Expected only known options, but received the option "context"; did you mean contextLength?',
    ],
    [{ kvType: 'q8' }, "Expected 'f16' or 'q8_0' for option kvType, but received \"q8\"."],
    [[], 'Expected an object for options, but received an array of length 0.'],
  ])('%j', async (options, message) => {
    const creating = (async () => model().createSession(options))();
    await expectError(creating, 'ERR_BITNET_ARGUMENT', message);
  });

  it('no context that memory cannot hold: it is taken as the session grows', async () => {
    const session = model().createSession({ contextLength: 2 ** 24 }); // 34 GB of keys and values
    expect(await session.evaluate([1, 2])).toHaveLength(320);
    session.close();
  });
});

describe('evaluate refuses', () => {
  const id = (name: string, value: string) =>
    `Expected a token id from 0 to 319 for ${name}, but received ${value}.`;
  const list = (value: string) =>
    `Expected an array of at least one token id for ids, but received ${value}.`;

  it.each<[ids: Any, message: string]>([
    [undefined, list('undefined')],
    [null, list('null')],
    [[], list('an array of length 0')],
    [5, list('5')],
    ['text', list('"text"')],
    [{}, list('an object')],
    [{ length: -1 }, list('an object')],
    [{ length: 1.5 }, list('an object')],
    [[-1], id('ids[0]', '-1')],
    [[1, 320], id('ids[1]', '320')],
    [[1, 2, 1.5], id('ids[2]', '1.5')],
    [[Number.NaN], id('ids[0]', 'NaN')],
    [[2 ** 32], id('ids[0]', '4294967296')],
    [['1'], id('ids[0]', '"1"')],
    [[1n], id('ids[0]', '1n')],
    [new Array(1), id('ids[0]', 'undefined')],
  ])('the ids %o', async (ids, message) => {
    const session = model().createSession();
    await expectError(session.evaluate(ids), 'ERR_BITNET_ARGUMENT', message);
    await expectError(session.score(ids), 'ERR_BITNET_ARGUMENT', message);
    expect(session.position).toBe(0);
    session.close();
  });

  it('a list that claims to be endless, without reading it', async () => {
    const session = model().createSession();
    const endless: Any = { length: 2 ** 40 };
    await expectError(session.evaluate(endless), 'ERR_BITNET_CONTEXT', /room|at most 256 more/);
    session.close();
  });

  it.each<[options: Any, message: string]>([
    [5, 'Expected an object for options, but received 5.'],
    [
      { logit: 'all' },
      'Expected only known options, but received the option "logit"; did you mean logits?',
    ],
    [
      { logits: 'every' },
      "Expected 'all', 'last' or 'none' for option logits, but received \"every\".",
    ],
    [
      { logits: 'all', top: 3 },
      'Expected either top or logits for option logits, but received "all".',
    ],
    [
      { top: 0 },
      'Expected an integer from 1 to the vocabulary size, 320, for option top, but received 0.',
    ],
    [
      { top: 321 },
      'Expected an integer from 1 to the vocabulary size, 320, for option top, but received 321.',
    ],
    [
      { top: '3' },
      'Expected an integer from 1 to the vocabulary size, 320, for option top, but received "3".',
    ],
    [{ signal: 'x' }, 'Expected an AbortSignal for option signal, but received "x".'],
    [{ signal: {} }, 'Expected an AbortSignal for option signal, but received an object.'],
  ])('the options %j', async (options, message) => {
    const session = model().createSession();
    await expectError(session.evaluate([1], options), 'ERR_BITNET_ARGUMENT', message);
    expect(session.position).toBe(0);
    session.close();
  });

  it('logits of more than 1 GiB, and names score', async () => {
    const tokens = 2 ** 30 / 4 / 320 + 1;
    const session = model().createSession({ contextLength: 2 ** 20 });
    const sentence =
      `Expected at most 1 GiB of logits, but all logits of ${Math.floor(tokens)} tokens are 1.0 GiB; ` +
      'evaluate fewer tokens at a time, or use session.score(ids) for log-probabilities.';
    const all = session.evaluate(new Int32Array(tokens), { logits: 'all' });
    await expectError(all, 'ERR_BITNET_ARGUMENT', sentence);
    expect(session.position).toBe(0);
    session.close();
  });
});

describe('embed, keepPrefix, detokenize and evalItems refuse', () => {
  const endless: Any = { length: 2 ** 32 - 1 };

  it.each<[texts: Any, code: string, message: string | RegExp]>([
    [[endless], 'ERR_BITNET_CONTEXT', /at most 256 tokens in texts\[0\].*it has 4294967295;/],
    [
      ['x', { length: 2 }],
      'ERR_BITNET_ARGUMENT',
      'Expected a token id from 0 to 319 for texts[1][0], but received undefined.',
    ],
    [[{}], 'ERR_BITNET_ARGUMENT', /^Expected an array of token ids for texts\[0\]/],
    [[{ length: '3' }], 'ERR_BITNET_ARGUMENT', /^Expected an array of token ids for texts\[0\]/],
    [[[1, 320]], 'ERR_BITNET_ARGUMENT', /from 0 to 319 for texts\[0\]\[1\], but received 320/],
  ])('embed(%o)', async (texts, code, message) => {
    await expectError(model().embed(texts), code, message);
  });

  it.each<[Any]>([['abc'], [undefined], [null], [5], [{}], [{ length: -1 }]])(
    'keepPrefix(%o)',
    async (ids) => {
      const session = model().createSession();
      await session.evaluate([1, 2, 3]);
      const keeping = (async () => session.keepPrefix(ids))();
      await expectError(keeping, 'ERR_BITNET_ARGUMENT', /^Expected an array of token ids for ids,/);
      expect(session.position).toBe(3);
      expect(session.keepPrefix(endless)).toBe(0);
      session.close();
    },
  );

  it('detokenize of ids that never end', async () => {
    const ids = (function* () {
      for (;;) yield 0;
    })();
    const decoding = (async () => model().detokenize(ids))();
    await expectError(decoding, 'ERR_BITNET_ARGUMENT', /^Expected at most 16777216 token ids to/);
  });

  it('no id of an array whose memory was given away: it is empty', () => {
    const ids = Uint32Array.of(5, 6);
    structuredClone(ids.buffer, { transfer: [ids.buffer] });
    expect(model().detokenize(ids)).toBe('');
  });

  // Not in a table: the runner would print it.
  it('arrays that are one great hole', async () => {
    const hole: Any = new Array(2 ** 32 - 1);
    const session = model().createSession();
    const code = 'ERR_BITNET_ARGUMENT';
    await expectError(model().embed(hole), code, /for texts\[0\], but received undefined\.$/);
    await expectError(evalItems(model(), hole), code, /for items\[0\], but it is undefined;/);
    await expectError(session.complete(hole), code, /^Expected at most 16777216 token ids for the/);
    await expectError(session.complete('a', { stop: hole }), code, /^Expected at most 256 texts/);
    session.close();
  });

  const item = { question: 'a', choices: ['b', 'c'], label: 1 };
  it.each<[items: Any, message: string | RegExp]>([
    [[null], 'Expected an object for items[0], but it is null; correct or remove it.'],
    [['one two'], /^Expected an object for items\[0\], but it is "one two";/],
    [[{}], /^Expected a text as question for items\[0\], but it has undefined;/],
    [[{ text: 5 }], /^Expected a text of at least two words for items\[0\]/],
    [[item, { ...item, choices: 'bc' }], /^Expected 2 to 1000 texts.* for items\[1\], but it has/],
    [[{ ...item, choices: endless }], /as choices for items\[0\], but it has an object;/],
    [[{ ...item, label: 2 }], /^Expected an integer from 0 to 1 as label for items\[0\]/],
    [[item, { text: 'one two' }], /like what came before for items\[1\], but it is of the other/],
  ])('evalItems(%o)', async (items, message) => {
    await expectError(evalItems(model(), items), 'ERR_BITNET_ARGUMENT', message);
  });
});

describe('score, truncate and generate refuse', () => {
  it('options that score does not have', async () => {
    const session = model().createSession();
    const message =
      'Expected only known options, but received the option "top"; top is an option of session.evaluate.';
    await expectError(session.score([1], { top: 3 } as Any), 'ERR_BITNET_ARGUMENT', message);
    session.close();
  });

  it.each<[Any]>([[-1], [4], [1.5], ['1'], [undefined], [null], [Number.NaN]])(
    'truncate(%o) at position 3',
    async (length) => {
      const session = model().createSession();
      await session.evaluate([1, 2, 3]);
      const truncating = (async () => session.truncate(length))();
      await expectError(truncating, 'ERR_BITNET_ARGUMENT', /0 to .*3.*, but received/);
      expect(session.position).toBe(3);
      session.close();
    },
  );

  it.each<[prompt: Any, options: Any, message: string | RegExp]>([
    [5, {}, 'Expected a string or an array of token ids for the prompt, but received 5.'],
    [[1, -2], {}, 'Expected a token id from 0 to 2147483647 for prompt[1], but received -2.'],
    [{ length: 3 }, {}, /^Expected a string or an array of token ids for the prompt,/],
    ['Hi', { stop: Array(257).fill('x') }, /^Expected at most 256 texts for option stop, but/],
    [
      'Hi',
      { stop: 'x'.repeat(4097) },
      /^Expected a text of 1 to 4096 characters without lone surrogates for option stop,/,
    ],
    [
      'Hi',
      { temperature: -1 },
      'Expected a finite number of at least 0 for option temperature, but received -1.',
    ],
    [
      'Hi',
      { top_k: 3 },
      'Expected only known options, but received the option "top_k"; did you mean topK?',
    ],
  ])('generate(%o, %o), at once', async (prompt, options, message) => {
    const session = model().createSession();
    const generating = (async () => session.generate(prompt, options))();
    await expectError(generating, 'ERR_BITNET_ARGUMENT', message);
    await expectError(session.complete(prompt, options), 'ERR_BITNET_ARGUMENT', message);
    session.close();
  });

  it('a prompt with ids outside the vocabulary, or none', async () => {
    const session = model().createSession();
    const outside = session.complete([1, 320]);
    const message = /Expected a token id from 0 to 319 for .*\[1\], but received 320\./;
    await expectError(outside, 'ERR_BITNET_ARGUMENT', message);
    await expectError(session.complete([]), 'ERR_BITNET_ARGUMENT', /at least one token/);
    expect(session.position).toBe(0);
    expect((await session.complete([1], { maxTokens: 2 })).ids).toHaveLength(2);
    session.close();
  });
});
