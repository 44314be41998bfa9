import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { escaped, escapedLines } from '../../bin/escape.mjs';
import { tinyModel } from '../fixtures/tiny-model.js';
import { pullEnvironment } from '../pull/environment.js';
import { bitnet } from './bitnet.js';

const file = pullEnvironment();

/** CSI in C1, ESC, DEL, BEL, a change of direction, a separator, a zero width space, a tag. */
const rude = 'x\u009b2J\x1b]0;t\x07\x7f\u202e\u2028\u200b\u{e0041}y';
const shown = 'x\\u009b2J\\u001b]0;t\\u0007\\u007f\\u202e\\u2028\\u200b\\udb40\\udc41y';

/** What must not reach a terminal. */
const dangerous = /(?!\n)[\p{Cc}\u2028\u2029\p{Bidi_Control}\u200b\u{e0041}]/u;

describe('text that others wrote', () => {
  test('is one line on which everything that could drive or deceive a terminal is visible', () => {
    expect(escaped(`${rude}\n\r\t\ud800`)).toBe(`${shown}\\n\\r\\t\\ud800`);
    expect(escaped('Ġthe €😀 👨‍👩‍👧 ❤️ می‌خواهم')).toBe('Ġthe €😀 👨‍👩‍👧 ❤️ می‌خواهم');
    expect(escapedLines(`a\n\tb\r${rude}`)).toBe(`a\n\tb\\r${shown}`);
  });

  test('as JSON is the same JSON, and as escaped text the same text', () => {
    const value = { [rude]: [rude, 'é\n\ud800'] };
    expect(JSON.parse(escaped(JSON.stringify(value)))).toEqual(value);
    expect(escaped(escaped(rude))).toBe(escaped(rude));
  });
});

describe('nothing dangerous is printed', { timeout: 120_000 }, () => {
  const harmless = async (args: readonly string[], input = '') => {
    const { stdout, stderr } = await bitnet(args, { input, env: { BITNET_CACHE: file('cache') } });
    expect(stdout + stderr).not.toMatch(dangerous);
    return stdout + stderr;
  };

  test('of the metadata, tensor names and tokens of a model', async () => {
    const model = tinyModel();
    model.metadata.set(`key ${rude}`, { type: 'string', value: rude });
    model.metadata.set('general.name', { type: 'array', elementType: 'string', values: [rude] });
    await model.write(file(`${rude}.gguf`));
    const path = file(`${rude}.gguf`);
    expect(await harmless(['inspect', path])).toContain(`key ${shown}`);
    expect(await harmless(['inspect', '--json', path])).toContain(shown);
    await harmless(['doctor', path, '--json']);
    await harmless(['run', path, '-p', 'x', '-n', '1', '--verbose']);
    await harmless(['run', path, '-p', 'x', '-n', '0', '--json']);
  });

  test('of texts, file names and options in errors and JSON', async () => {
    expect(await harmless(['tokenize', '-p', rude, '--json', '--no-bos'])).toContain('x');
    await harmless(['tokenize', '-p', rude]);
    await harmless(['embed', `${rude} z`, '--json']);
    for (const args of [
      ['run', `${rude}.gguf`, '-p', 'x'],
      ['run', '-f', rude],
      ['run', '-p', 'x', '--kernel', rude],
      ['inspect', `--${rude}`],
      ['eval', '-f', rude],
      ['bench', '--from', rude],
      ['rm', rude, '--json'],
      [rude, '--json'],
      [rude],
    ]) {
      await harmless(args);
    }
  });

  test('of the names of pulled models', async () => {
    mkdirSync(file('cache/models/o/r'), { recursive: true });
    writeFileSync(file(`cache/models/o/r/${rude}.gguf`), 'x');
    expect(await harmless(['list'])).toContain(shown);
    expect(await harmless(['list', '--json'])).toContain(shown);
    expect(await harmless(['rm', `o/r/${rude}.gguf`])).toContain(shown);
  });
});
