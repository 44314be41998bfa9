import { copyFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { inspectModel, loadModel, loadTokenizer } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { loadedTinyModel, rejection } from './tiny.js';

const model = loadedTinyModel({ vocabSize: 320, nLayer: 1 });
const temp = tempFolder();

/** Vocabulary sizes: of the tiny model, and of the embedded one. */
const [tiny, embedded] = [320, 4096];

describe('a model is loaded', () => {
  // Not new URL(path): a percent sign and a space have to be escaped.
  const odd = () => {
    copyFileSync(model().path, temp('100 % odd.gguf'));
    return pathToFileURL(temp('100 % odd.gguf'));
  };

  type Options = { readonly path?: string | URL; readonly threads?: number };
  it.each<[string, () => [(string | URL | Options | undefined)?, Options?], number]>([
    ['by its path', () => [model().path, { threads: 1 }], tiny],
    ['by a path among the options', () => [{ path: model().path, threads: 1 }], tiny],
    ['by a path among the options alone', () => [undefined, { path: model().path }], tiny],
    ['by a file: URL', () => [odd(), { threads: 1 }], tiny],
    ['by a file: URL among the options', () => [{ path: odd() }], tiny],
    ['by the text of a file: URL', () => [odd().href], tiny],
    ['without a path, but with options', () => [{ threads: 1 }], embedded],
    ['without anything', () => [], embedded],
  ])('%s, as its tokenizer is, and inspected', async (_, args, vocabSize) => {
    const loaded = await loadModel(...(args() as [string, Options]));
    expect(loaded.spec.vocabSize).toBe(vocabSize);
    loaded.close();
    const others = args().map((arg) => {
      if (typeof arg !== 'object' || arg instanceof URL) return arg;
      const { threads, ...rest } = arg;
      return rest;
    }) as [string, Options];
    expect((await loadTokenizer(...others)).vocabSize).toBe(vocabSize);
    expect((await inspectModel(...others)).model?.vocabSize).toBe(vocabSize);
  });

  it('with null for whatever is left out', async () => {
    const nothing = JSON.parse('{ "path": null, "threads": null, "signal": null }');
    for (const args of [[null], [null, null], [nothing], [null, nothing]]) {
      const loaded = await loadModel(...(args as []));
      expect(loaded.spec.vocabSize).toBe(embedded);
      loaded.close();
    }
  });

  it('by one path only', async () => {
    const error = await rejection(loadModel(model().path, { path: model().path }));
    expect(error).toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
      message: expect.stringMatching(/^Expected no path beside the first argument for option path/),
    });
  });

  it('and its sessions are saved by file: URLs too', async () => {
    const file = pathToFileURL(temp('a b.session'));
    const session = model().createSession();
    await session.evaluate([1, 2, 3]);
    await session.save(file, { data: null });
    const other = model().createSession();
    expect(await other.load(file)).toBeNull();
    expect([...other.tokens]).toEqual([1, 2, 3]);
  });
});

describe('onProgress', () => {
  it('is told the end', async () => {
    const fractions: number[] = [];
    const onProgress = (fraction: number) => void fractions.push(fraction);
    (await loadModel(model().path, { onProgress })).close();
    expect(fractions.at(-1)).toBe(1);
    expect([...fractions].sort((a, b) => a - b)).toEqual(fractions);
  });

  it.each([
    ['throws', () => expect.fail('mine')],
    ['rejects', async () => expect.fail('mine')],
  ])('that %s ends the load with the same error', async (_, onProgress) => {
    const error = await rejection(loadModel(undefined, { onProgress }));
    expect(error).toMatchObject({ message: 'mine' });
  });
});

describe('ids', () => {
  const ids = [5, 6, 7];
  const options = { maxTokens: 3, temperature: 0 };

  it.each([Int32Array, Uint32Array, Uint16Array])('may be in an %o', async (List) => {
    const list = List.from(ids);
    const [one, two] = [model().createSession(), model().createSession()];
    const expected = await one.complete(ids, options);
    expect((await two.complete(list, options)).ids).toEqual(expected.ids);
    expect(two.keepPrefix(list)).toBe(2);
    two.reset();
    expect(await two.evaluate(list)).toEqual(await model().createSession().evaluate(ids));
    expect(await model().embed([list])).toEqual(await model().embed([ids]));
    expect(model().detokenize(list)).toBe(model().detokenize(ids));
  });

  it.each([
    [Buffer.from('Hi'), 'a Buffer of 2 bytes'],
    [new TextEncoder().encode('Hi'), 'a Uint8Array of 2 bytes'],
    [Float32Array.of(1), 'a Float32Array of 4 bytes'],
    [BigInt64Array.of(1n), 'a BigInt64Array of 8 bytes'],
  ])('are not taken for what %o holds', async (bytes, received) => {
    const session = model().createSession();
    const wrong = bytes as unknown as number[];
    for (const call of [
      () => session.complete(wrong),
      () => session.evaluate(wrong),
      () => session.score(wrong),
      () => model().embed([wrong]),
      async () => session.keepPrefix(wrong),
      async () => model().detokenize(wrong),
    ]) {
      const { code, message } = (await rejection(call())) as { code: string; message: string };
      expect(code).toBe('ERR_BITNET_ARGUMENT');
      expect(message).toMatch(new RegExp(`^Expected .*, but received ${received}\\.$`));
    }
  });
});

it('a call that is refused forgets nothing, not even the token that is still to be evaluated', async () => {
  const session = model().createSession();
  const { ids } = await session.complete([1, 2], { maxTokens: 3, temperature: 0 });
  for (const wrong of [{ top: 0 }, { logits: 'x' as 'all' }, { signal: 5 as never }]) {
    await rejection(session.evaluate([1], wrong));
  }
  expect(session.hasPending).toBe(true);
  const other = model().createSession();
  await other.complete([1, 2], { maxTokens: 3, temperature: 0 });
  expect(ids).toHaveLength(3);
  expect(await session.complete('a', { maxTokens: 3, temperature: 0 })).toMatchObject({
    ids: (await other.complete('a', { maxTokens: 3, temperature: 0 })).ids,
  });
});
