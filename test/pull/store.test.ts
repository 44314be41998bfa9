import { existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { findModel, listModels, modelCatalog, removeModel } from '../../lib/index.js';
import { isOfType, nameOf, shardsOf } from '../../lib/pull/names.js';
import { parseSource } from '../../lib/pull/source.js';
import { pullEnvironment } from './environment.js';

const temp = pullEnvironment();
const path = (name: string) => join(temp('cache'), 'models', name);
function put(name: string, bytes = 10): void {
  mkdirSync(dirname(path(name)), { recursive: true });
  writeFileSync(path(name), 'x'.repeat(bytes));
}

describe('names', () => {
  beforeEach(() => {
    for (const name of ['o/r/a.gguf', 'o/r/b.gguf', 'p/q/a.gguf', 'p/q2/c.gguf']) put(name);
    put('p/q2/readme.txt');
  });

  test.each([
    ['o/r/a.gguf', 'o/r/a.gguf'],
    ['b.gguf', 'o/r/b.gguf'],
    ['b', 'o/r/b.gguf'],
    ['r/a', 'o/r/a.gguf'],
    ['q/a.gguf', 'p/q/a.gguf'],
    ['p/q', 'p/q/a.gguf'],
    ['p/q2', 'p/q2/c.gguf'],
    ['p/q2:c', 'p/q2/c.gguf'],
    ['o/r:B', 'o/r/b.gguf'],
  ])('%s means %s', async (name, whole) => {
    expect(await findModel(name)).toMatchObject({ name: whole, path: path(whole), bytes: 10 });
  });

  test.each([
    ['a', /means "o\/r\/a\.gguf", "p\/q\/a\.gguf"; give more of its name\.$/],
    ['o/r', /means "o\/r\/a\.gguf", "o\/r\/b\.gguf"/],
    ['o/r/aa.gguf', /there is no "o\/r\/aa\.gguf"; did you mean "o\/r\/a\.gguf"\?$/],
    ['nothing-like-it', /there are "o\/r\/a\.gguf", .*"p\/q2\/c\.gguf"\.$/],
    ['../models/o/r/a.gguf', /there is no/],
    ['o/r/../r/a.gguf', /there is no/],
    ['readme.txt', /there is no/],
  ])('%s is refused', async (name, message) => {
    for (const action of [findModel, removeModel]) {
      await expect(action(name)).rejects.toMatchObject({
        code: 'ERR_BITNET_FILE',
        message: expect.stringMatching(message),
      });
    }
    expect((await listModels()).length).toBe(4);
  });

  test('of the catalog are those of its files, and tell how to get them', async () => {
    put('x/bonsai-1.7b.gguf');
    const name = 'prism-ml/Ternary-Bonsai-1.7B-gguf/Ternary-Bonsai-1.7B-Q2_0.gguf';
    expect(await findModel('bonsai-1.7b')).toMatchObject({ name: 'x/bonsai-1.7b.gguf' });
    put(name);
    expect(await findModel('bonsai-1.7b')).toMatchObject({ name });
    expect(await findModel('prism-ml/Ternary-Bonsai-1.7B-gguf:Q2_0')).toMatchObject({ name });
    await expect(findModel('bonsai-4b')).rejects.toThrow('; bitnet pull bonsai-4b gets it.');
    await removeModel('bonsai-1.7b');
    await removeModel('x/bonsai-1.7b');
  });

  test('are wrong arguments when they are none', async () => {
    for (const name of ['', 1, undefined]) {
      await expect(removeModel(name as string)).rejects.toMatchObject({
        code: 'ERR_BITNET_ARGUMENT',
      });
    }
  });
});

describe('removeModel', () => {
  test('removes the file and the folders that are empty then', async () => {
    put('o/r/a.gguf');
    put('o/s/b.gguf');
    expect(await removeModel('a')).toMatchObject({ name: 'o/r/a.gguf', complete: true });
    expect(readdirSync(path('o'))).toEqual(['s']);
    await removeModel('b');
    expect(readdirSync(path(''))).toEqual([]);
    await expect(removeModel('b')).rejects.toThrow('none was pulled yet');
  });

  test('removes all shards, and what was left of a pull', async () => {
    for (const part of [1, 2]) put(`o/r/m-0000${part}-of-00003.gguf`);
    put('o/r/m-00003-of-00003.gguf.0123456789abcdef.part', 5);
    const name = 'o/r/m-00001-of-00003.gguf';
    expect(await listModels()).toMatchObject([{ name, bytes: 25, complete: false }]);
    await expect(findModel(name)).rejects.toThrow('only partly pulled');
    await removeModel(name);
    expect(existsSync(path('o'))).toBe(false);
  });
});

describe('sources', () => {
  const endpoint = 'https://hub.example';
  const names = (text: string) => {
    const source = parseSource(text, endpoint);
    if ('urls' in source) return source.names();
    const { repo, revision } = source.from;
    return [repo, ...(revision === 'main' ? [] : [revision]), source.type]
      .filter(Boolean)
      .join(' ');
  };

  test.each([
    ['o/r', 'o/r'],
    [`${endpoint}/o/r`, 'o/r'],
    [`${endpoint}/o/r/tree/main`, 'o/r'],
    [`${endpoint}/o/r/tree/v1`, 'o/r v1'],
    ['o/r:Q2_0', 'o/r Q2_0'],
    ['o/r@v1.0', 'o/r v1.0'],
    ['o/r@a1b2:i2_s', 'o/r a1b2 i2_s'],
    ['hf.co/o/r:Q2_0', 'o/r Q2_0'],
    ['huggingface.co/o/r', 'o/r'],
    ['hf.co/o/r/a.gguf', ['o/r/a.gguf']],
    ['hf.co/o/r/resolve/v1/a.gguf?download=true', ['o/r@v1/a.gguf']],
    ['https://hf.co/o/r/a.gguf', ['huggingface.co/o/r/a.gguf']],
    ['o/r@v1/sub/a.gguf', ['o/r@v1/sub/a.gguf']],
    ['bitnet-2b', ['microsoft/bitnet-b1.58-2B-4T-gguf/ggml-model-i2_s.gguf']],
    ['o/r/sub/a.gguf', ['o/r/sub/a.gguf']],
    [`${endpoint}/o/r/blob/main/a.gguf`, ['o/r/a.gguf']],
    [`${endpoint}/o/r/resolve/v1/a.gguf?download=true`, ['o/r@v1/a.gguf']],
    [`${endpoint}/o/a.gguf`, ['hub.example/o/a.gguf']],
    ['http://[::1]:80/x%20y.gguf', ['___1_/x y.gguf']],
    ['http://host:81/../../x.gguf', ['host_81/x.gguf']],
    ['o/r/a-00002-of-00002.gguf', ['o/r/a-00001-of-00002.gguf', 'o/r/a-00002-of-00002.gguf']],
  ])('%s is %j', (text, expected) => {
    expect(names(text)).toEqual(expected);
  });

  test('a page about a file becomes the file', () => {
    expect(parseSource(`${endpoint}/o/r/blob/v1/a.gguf`, endpoint)).toMatchObject({
      urls: [`${endpoint}/o/r/resolve/v1/a.gguf`],
    });
  });

  test.each([
    'model.gguf',
    'bitnet-2',
    'hf.co/bitnet-2b',
    'o/r:',
    'o/r@',
    'o/r@v1/v2:x/a.gguf',
    'o/r:Q2_0/a.gguf',
    '../x/y.gguf',
    'o/../y.gguf',
    'o/r/../../y.gguf',
    'o/r//y.gguf',
    'o/r/.hidden.gguf',
    'o/r/C:\\y.gguf',
    'o/r/nul.gguf',
    'o/r/a\u202e.gguf',
    'o/r/model.safetensors',
    `o/r/${'x'.repeat(201)}.gguf`,
    'http://host/%2e%2e%2fy.gguf',
    'http://host/a%2fb.gguf',
    'http://host/download?id=3',
    'http://user:secret@host/x.gguf',
    'file:///etc/x.gguf',
    'https://',
    '',
  ])('%j is refused', (text) => {
    let error: Error & { code?: string } = new Error('not refused');
    try {
      names(text);
    } catch (reason) {
      error = reason as Error;
    }
    expect(error.code).toBe('ERR_BITNET_ARGUMENT');
    expect(error.message).not.toContain('secret');
  });

  test('a revision goes into the address of a file', () => {
    expect(parseSource('o/r@v1/b c.gguf', endpoint)).toMatchObject({
      urls: [`${endpoint}/o/r/resolve/v1/b%20c.gguf`],
    });
  });

  test('a short name that is misspelled is suggested', () => {
    expect(() => names('bitnet2b')).toThrow(/did you mean bitnet-2b\?$/);
    expect(() => names('nothing-like-it')).toThrow(/bitnet pull --list lists short names\.$/);
  });

  test('every model of the catalog can be a name and a file of the store', () => {
    for (const { name, repository, file } of modelCatalog) {
      expect(names(name)).toEqual([`${repository}/${file}`]);
      expect(name).toMatch(/^[a-z\d.-]+$/);
    }
    expect(new Set(modelCatalog.map(({ name }) => name)).size).toBe(modelCatalog.length);
  });

  test.each([
    ['Ternary-Bonsai-8B-Q2_0.gguf', 'q2_0', true],
    ['Q2_0/model-00001-of-00002.gguf', 'Q2_0', true],
    ['ggml-model-i2_s.gguf', 'I2_S', true],
    ['model-Q4_K_M.gguf', 'Q4_K', false],
    ['model-PQ2_0.gguf', 'Q2_0', false],
    ['model-TQ2_0.gguf', 'Q2_0', false],
    ['model-PQ2_0-Q2_0.gguf', 'Q2_0', true],
    ['model.gguf', '', true],
  ])('%s is of type %s: %s', (file, type, expected) => {
    expect(isOfType(file, type)).toBe(expected);
  });

  test('names of shards', () => {
    expect(shardsOf('a-00001-of-00001.gguf')).toEqual(['a-00001-of-00001.gguf']);
    expect(shardsOf('a-00003-of-00002.gguf')).toEqual(['a-00003-of-00002.gguf']);
    expect(shardsOf('a-00000-of-00002.gguf')).toEqual(['a-00000-of-00002.gguf']);
    expect(nameOf(['a', 'B (1).GGUF'])).toBe('a/B (1).GGUF');
  });
});
