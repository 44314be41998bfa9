import { writeFile } from 'node:fs/promises';
import { beforeAll, describe, expect, test } from 'vitest';
import { loadModel } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { bitnet, storiesPath } from './bitnet.js';

const file = tempFolder();
const texts = ['The cat sat.', 'A dog ran home.'];
let vectors: Float32Array[];
let tokens: number[];

beforeAll(async () => {
  const model = await loadModel();
  vectors = await model.embed(texts);
  tokens = texts.map((text) => model.tokenizer.encode(text, { addSpecial: true }).length);
  model.close();
});

/** The numbers of each line, as f32. */
const parsed = (stdout: string) =>
  stdout
    .trimEnd()
    .split('\n')
    .map((line) => Float32Array.from(line.split(' '), Number));

describe('bitnet embed', () => {
  test('prints the exact numbers of each text on a line, and what it did on stderr', async () => {
    const { code, stdout, stderr } = await bitnet(['embed', storiesPath, ...texts]);
    expect(code).toBe(0);
    expect(parsed(stdout)).toEqual(vectors);
    expect(stderr).toMatch(
      /^2 texts, \d+ tokens, \d+ tokens\/s; 256 numbers each, state of the last token, length 1; \S+, \d+ threads?\n$/,
    );
  });

  test('reads lines from a pipe, or from a file, whatever ends them', async () => {
    const piped = await bitnet(['embed', '--quiet'], { input: `${texts.join('\n')}\n` });
    expect(piped.stderr).toBe('');
    expect(parsed(piped.stdout)).toEqual(vectors);
    await writeFile(file('texts'), texts.join('\r\n'));
    for (const from of [file('texts'), '-']) {
      const run = await bitnet(['embed', '-f', from, '--quiet'], { input: texts.join('\n') });
      expect(parsed(run.stdout)).toEqual(vectors);
    }
  });

  test('takes texts without a model: several words, or -p', async () => {
    expect(parsed((await bitnet(['embed', ...texts])).stdout)).toEqual(vectors);
    const one = await bitnet(['embed', '-p', texts[0]!]);
    expect(parsed(one.stdout)).toEqual(vectors.slice(0, 1));
    const { code, stderr } = await bitnet(['embed', 'cat', 'dog']);
    expect({ code, error: stderr.split(',')[0] }).toEqual({
      code: 2,
      error: 'error: Expected a model or a text',
    });
  });

  test('takes all arguments as texts after -m', async () => {
    const { stdout } = await bitnet(['embed', '-m', storiesPath, ...texts]);
    expect(parsed(stdout)).toEqual(vectors);
  });

  test('prints one JSON array with --json', async () => {
    const { code, stdout, stderr } = await bitnet(['embed', storiesPath, '--json', ...texts]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const items = JSON.parse(stdout) as { text: string; embedding: number[]; tokens: number }[];
    expect(items.map(({ text }) => text)).toEqual(texts);
    expect(items.map((item) => item.tokens)).toEqual(tokens);
    expect(items.map(({ embedding }) => Float32Array.from(embedding))).toEqual(vectors);
  });

  test('follows --pooling and --no-normalize, and says so', async () => {
    const args = ['embed', storiesPath, '--pooling', 'mean', '--no-normalize', texts[0]!];
    const { stdout, stderr } = await bitnet(args);
    expect(stderr).toContain('; 256 numbers each, the mean state; ');
    const [vector] = parsed(stdout);
    const length = Math.sqrt(vector!.reduce((sum, value) => sum + value * value, 0));
    expect(length).toBeGreaterThan(1.1);
  });

  test('takes the pooling of the model', async () => {
    await tinyModel({ arch: 'qwen3', nLayer: 1, poolingType: 1 }).write(file('mean.gguf'));
    const { stderr } = await bitnet(['embed', file('mean.gguf'), 'rain']);
    expect(stderr).toContain('the mean state');
  });

  test('names what is missing or too much', async () => {
    const none = await bitnet(['embed', storiesPath]);
    expect({ code: none.code, stdout: none.stdout }).toEqual({ code: 2, stdout: '' });
    expect(none.stderr).toMatch(/^error: Expected texts: as arguments after the model, /);
    const noModel = await bitnet(['embed', 'nothere.gguf']);
    expect(noModel).toMatchObject({ code: 1 });
    expect(noModel.stderr).toMatch(/^error: Expected a model file at "nothere\.gguf"/);
    const both = await bitnet(['embed', storiesPath, '-f', '-', 'text']);
    expect(both).toMatchObject({ code: 2, stdout: '' });
    expect(both.stderr).toContain('but received "text" besides -f.');
    const long = await bitnet(['embed', storiesPath, '--json', 'rain '.repeat(300)]);
    expect(long.code).toBe(1);
    expect(JSON.parse(long.stdout).error).toMatchObject({ code: 'ERR_BITNET_CONTEXT' });
  });
});
