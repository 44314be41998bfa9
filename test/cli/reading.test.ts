import { writeFileSync } from 'node:fs';
import { beforeAll, describe, expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnetPty, hasPty } from './pty.js';

const file = tempFolder();
const slow = ['--kernel', 'scalar', '-t', '1', '--no-color', '-c'];

beforeAll(() => writeFileSync(file('long.txt'), 'Tom and Lily went to the park. '.repeat(1200)));

describe.skipIf(!hasPty)('while a long text is read', () => {
  test('run says how much of it, and after Ctrl-C how many tokens that was', async () => {
    const run = bitnetPty(['run', '-f', file('long.txt'), ...slow, '16000']);
    await run.until(/Reading the prompt \d+ %/);
    run.type('\x03');
    expect(await run.ended).toBe(130);
    expect(run.shown).toMatch(
      /prompt \d+ tokens?(, [\d.]+ tokens\/s)?; text 0 tokens; .*interrupted/,
    );
    expect(run.shown).not.toContain('Lily'); // it is shown with what follows it
  });

  test('chat does, too, and asks again', async () => {
    const chat = bitnetPty(['chat', ...slow, '16000']);
    await chat.until(/leaves\.\n> /);
    chat.type(`/read ${file('long.txt')}\rGo on.\r`);
    await chat.until(/Reading the prompt \d+ %/);
    chat.type('\x03');
    await chat.until(/Stopped after \d+ tokens of the prompt; nothing was said\.\n/);
    await chat.until(/\n> $/);
    chat.type('\x04');
    expect(await chat.ended).toBe(0);
  });

  test('perplexity says how much is evaluated, also before its first result', async () => {
    const args = ['perplexity', '-f', file('long.txt'), ...slow, '4000'];
    const perplexity = bitnetPty(args);
    await perplexity.until(/Evaluating, \d+ %/);
    perplexity.type('\x03');
    expect(await perplexity.ended).toBe(130);
  });
});
