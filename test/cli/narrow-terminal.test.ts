import { writeFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet } from './bitnet.js';
import { bitnetPty, hasPty, type PtySettings } from './pty.js';

const file = tempFolder();

/** What a command shows at a terminal. */
async function shown(args: readonly string[], settings: PtySettings): Promise<string> {
  const pty = bitnetPty(args, settings);
  await pty.ended;
  return pty.shown;
}

const words = (text: string) => text.trim().split(/\s+/);
const widest = (text: string) => Math.max(...text.split('\n').map((line) => line.length));

test.skipIf(!hasPty)('a text that is generated breaks between words', async () => {
  const args = ['run', '-p', 'Once upon a time', '-n', '60', '--temp', '0', '--quiet'];
  const piped = await bitnet(args);
  expect(widest(piped.stdout)).toBeGreaterThan(50);
  const text = await shown(args, { columns: 40 });
  expect(widest(text)).toBeLessThanOrEqual(40);
  expect(words(text)).toEqual(words(piped.stdout));
});

test.skipIf(!hasPty)('its prompt takes columns too, and breaks where it does', async () => {
  const prompt = 'Once upon a time there was a little girl';
  const args = ['run', '-p', prompt, '-n', '30', '--temp', '0'];
  const { stdout } = await bitnet([...args, '--quiet']);
  const text = (await shown(args, { columns: 30 })).split('\nprompt ')[0]!;
  expect(widest(text)).toBeLessThanOrEqual(30);
  expect(words(text)).toEqual(words(prompt + stdout));
});

test.skipIf(!hasPty)('what doctor says breaks between words, under itself', async () => {
  const args = ['doctor', file('missing.gguf')];
  const { stdout } = await bitnet(args);
  const dumb = { TERM: 'dumb' }; // without a spinner, of which nothing is left on a screen
  const text = await shown([...args, '--no-color'], { columns: 80, env: dumb });
  expect(text).toMatch(/\n {17}to do: /);
  // A path alone may be longer than a line.
  const broken = text.split('\n').filter((line) => !line.includes('/'));
  expect(widest(broken.join('\n'))).toBeLessThanOrEqual(80);
  const heads = (from: string) => words(from).filter((word) => /^(ok|warn|fail)$/.test(word));
  expect(heads(text)).toEqual(heads(stdout));
});

test.skipIf(!hasPty)('inspect uses the columns there are', async () => {
  const piped = await bitnet(['inspect']);
  const [narrow, wide] = await Promise.all(
    [40, 200].map((columns) => shown(['inspect'], { columns })),
  );
  expect(widest(piped.stdout)).toBe(80);
  expect(widest(narrow!)).toBeLessThanOrEqual(40);
  expect(widest(wide!)).toBeGreaterThan(80);
  // fields and decisions break between words, and lose none; the cells of tables are cut
  const [fields] = piped.stdout.replace(/\nLoad plan\n.*?\n\n/s, '').split('\n\nMetadata');
  const kept = words(fields!).filter((word) => !/[/…]/.test(word));
  expect(words(narrow!)).toEqual(expect.arrayContaining(kept));
});

test.skipIf(!hasPty)('--help breaks what it says between words', async () => {
  for (const args of [['--help'], ['run', '--help'], ['bench', '--help']]) {
    const [options] = (await shown(args, { columns: 60 })).split(/\n(?:Examples|Environment)/);
    const lines = options!.split('\n').filter((line) => /^ {2}/.test(line));
    expect(lines.length).toBeGreaterThan(4);
    for (const line of lines) expect(line.length, line).toBeLessThanOrEqual(60);
  }
});

test.skipIf(!hasPty)('colors of an error take no columns', async () => {
  writeFileSync(file('x.gguf'), 'no model');
  const args = ['inspect', file('x.gguf')];
  const plain = await shown([...args, '--no-color'], { columns: 50 });
  const colored = await shown(args, { columns: 50, env: { FORCE_COLOR: '1' } });
  expect(plain).toMatch(/^error: [^\n]+\n/);
  expect(colored).toBe(plain);
});
