import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { writeGguf } from '../../lib/gguf/writer.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyVocabulary } from '../fixtures/tiny-vocabulary.js';
import { describeShared, sharedPath } from '../shared.js';
import { bitnet } from './bitnet.js';

const file = tempFolder();

/** A file that has a vocabulary and no weights. */
async function vocabulary(): Promise<string> {
  await writeGguf(file('vocabulary.gguf'), { metadata: new Map(tinyVocabulary(320)) });
  return file('vocabulary.gguf');
}

const json = async (...args: string[]) => JSON.parse((await bitnet(args)).stdout);

describe('bitnet tokenize', () => {
  test('lists ids and texts, bytes where a token is no whole character', async () => {
    const { code, stdout, stderr } = await bitnet(['tokenize', '-p', 'Once\n "ö"']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.trimEnd().split('\n');
    expect(lines[0]).toBe('4095  "<|endoftext|>"');
    expect(lines.some((line) => line.endsWith('bytes C3'))).toBe(true);
    expect(lines.some((line) => line.endsWith('bytes B6'))).toBe(true);
    expect(stdout).toContain('"\\n"');
  });

  test('gives { ids, pieces } with --json, from any source of text', async () => {
    writeFileSync(file('text.txt'), 'Once upon');
    const expected = await json('tokenize', '--json', '-p', 'Once upon');
    expect(Object.keys(expected)).toEqual(['ids', 'pieces']);
    expect(expected.pieces).toEqual(['<|endoftext|>', 'Once', ' upon']);
    expect(expected.ids).toHaveLength(3);
    expect(await json('tokenize', '--json', '-f', file('text.txt'))).toEqual(expected);
    expect(await json('tokenize', '--json', 'Once upon')).toEqual(expected);
    const piped = await bitnet(['tokenize', '--json'], { input: 'Once upon' });
    expect(JSON.parse(piped.stdout)).toEqual(expected);
    const dash = await bitnet(['tokenize', '--json', '-f', '-'], { input: 'Once upon' });
    expect(JSON.parse(dash.stdout)).toEqual(expected);
  });

  test('leaves out begin tokens with --no-bos and special tokens with --no-special', async () => {
    const ids = async (...flags: string[]) =>
      (await json('tokenize', '--json', '-p', 'a<|endoftext|>', ...flags)).ids as number[];
    const all = await ids();
    expect(all).toHaveLength(3);
    expect(await ids('--no-bos')).toEqual(all.slice(1));
    const { pieces } = await json('tokenize', '--json', '-p', 'a<|endoftext|>', '--no-special');
    expect(pieces[0]).toBe('<|endoftext|>');
    expect(pieces.slice(1).join('')).toBe('a<|endoftext|>');
    expect(pieces.length).toBeGreaterThan(4);
  });

  test('keeps every byte of a file or a pipe: a final newline, a byte order mark', async () => {
    const input = '\ufeffOnce\r\n';
    writeFileSync(file('bytes.txt'), input);
    const { ids, pieces } = JSON.parse((await bitnet(['tokenize', '--json'], { input })).stdout);
    expect((await json('tokenize', '--json', '-f', file('bytes.txt'))).ids).toEqual(ids);
    expect((await json('tokenize', '--json', '-p', input)).ids).toEqual(ids);
    const bytes = pieces.slice(1).map((piece: string | number[]) => Buffer.from(piece as string));
    expect(Buffer.concat(bytes).toString()).toBe(input);
  });

  test('of half a megabyte is a long list', async () => {
    const { code, stdout } = await bitnet(['tokenize', '--no-bos'], {
      input: 'ab '.repeat(170_000),
    });
    expect(code).toBe(0);
    expect(stdout.split('\n').length).toBeGreaterThan(170_000);
  });

  test('of an empty text are the begin token, or none', async () => {
    expect((await bitnet(['tokenize', '--ids', '-p', ''])).stdout).toBe('4095\n');
    expect((await bitnet(['tokenize', '--no-bos', '-p', ''])).stdout).toBe('');
  });

  test('says what is wrong with its arguments and its file', async () => {
    const twice = await bitnet(['tokenize', '-m', 'x.gguf', 'a', '-p', 'b']);
    expect(twice.code).toBe(2);
    expect(twice.stderr).toMatch(/^error: Expected one prompt/);
    const missing = await bitnet(['tokenize', file('nothere.gguf'), 'a']);
    expect(missing.code).toBe(1);
    expect(missing.stderr).toMatch(/^error: Expected a model file at .* but there is none/);
    await writeGguf(file('empty.gguf'), { metadata: new Map() });
    const empty = await bitnet(['tokenize', file('empty.gguf'), 'a', '--json']);
    expect(empty.code).toBe(1);
    expect(JSON.parse(empty.stdout).error.code).toBe('ERR_BITNET_TOKENIZER');
  });
});

describe('bitnet detokenize', () => {
  test('gives back the text, from arguments and from standard input', async () => {
    const text = 'Once upon a "time" 🦙\n\n there';
    const { stdout: ids } = await bitnet(['tokenize', '--ids', '-p', text]);
    expect((await bitnet(['detokenize', ...ids.trim().split(' ')])).stdout).toBe(`${text}\n`);
    expect((await bitnet(['detokenize'], { input: ids })).stdout).toBe(`${text}\n`);
    const array = `[${ids.trim().replaceAll(' ', ', ')}]`;
    const { stdout } = await bitnet(['detokenize', '--json'], { input: array });
    expect(JSON.parse(stdout)).toEqual({ text });
  });

  test('shows control tokens with --special', async () => {
    expect((await bitnet(['detokenize', '4095', '44'])).stdout).toBe(',\n');
    expect((await bitnet(['detokenize', '4095', '44', '--special'])).stdout).toBe(
      '<|endoftext|>,\n',
    );
  });

  test('takes a vocabulary without weights', async () => {
    const path = await vocabulary();
    const { stdout } = await bitnet(['tokenize', path, '--ids', 'hey']);
    expect((await bitnet(['detokenize', path], { input: stdout })).stdout).toBe('hey\n');
    const named = await bitnet(['detokenize', '-m', path, ...stdout.trim().split(' ')]);
    expect(named.stdout).toBe('hey\n');
  });

  test('refuses what is no token id', async () => {
    const word = await bitnet(['detokenize', '44', 'x']);
    expect(word.code).toBe(2);
    expect(word.stderr).toMatch(/^error: Expected token ids, but received "x"\./);
    const large = await bitnet(['detokenize', '4096']);
    expect(large.code).toBe(2);
    expect(large.stderr).toMatch(/^error: Expected a token id from 0 to 4095/);
  });
});

describeShared('bitnet tokenize and detokenize on the vocabularies of llama.cpp', () => {
  test.each(['gpt-2', 'llama-bpe', 'llama-spm', 'phi-3', 'falcon', 'qwen2'])('%s', async (name) => {
    const path = sharedPath(`data/tokenizer/ggml-vocab-${name}.gguf`);
    const text = "Hello, y'all! How are you 😁 ?我想在apple工作1314151天～\n\n\n  3333";
    const input = text;
    const { stdout } = await bitnet(['tokenize', path, '--ids', '--no-bos'], { input });
    expect((await bitnet(['detokenize', path], { input: stdout })).stdout).toBe(`${text}\n`);
  });
});
