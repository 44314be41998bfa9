import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet } from './bitnet.js';

const file = tempFolder();
const run = (...args: string[]) => bitnet(['run', '--temp', '0', '--seed', '1', ...args]);
const once = ['-p', 'Once upon a time'];

describe('bitnet run --session', () => {
  test('goes on with the saved text when there is no prompt', async () => {
    const whole = (await run(...once, '-n', '40')).stdout.trimEnd();
    const session = ['--session', file('story.session')];
    const first = await run(...once, '-n', '15', ...session);
    expect(first.stderr).toMatch(/^prompt 5 new tokens, 0 kept/);
    const second = await run('-n', '25', ...session);
    expect(second.stderr).toMatch(/^prompt 0 new tokens, 19 kept/);
    expect(first.stdout.slice(0, -1) + second.stdout.trimEnd()).toBe(whole);
  });

  test('goes on behind a text that the model has ended, and at its last token', async () => {
    const session = ['--session', file('ended.session')];
    await run(...once, '-n', '0', ...session);
    const { code, stdout } = await run('-n', '8', ...session);
    expect(code).toBe(0);
    expect(stdout).toBe((await run(...once, '-n', '8')).stdout);
  });

  test('writes what it would write without, and evaluates what differs', async () => {
    const session = ['--session', file('prefix.session')];
    await run(...once, '-n', '10', ...session);
    const longer = ['-p', 'Once upon a time, there was a big dog', '-n', '10'];
    const { stdout } = await run(...longer, ...session, '--json');
    const { text, keptTokens, usage } = JSON.parse(stdout);
    expect(`${text}\n`).toBe((await run(...longer)).stdout);
    expect(keptTokens).toBe(9);
    expect(usage.promptTokens).toBe(2);
    const again = JSON.parse((await run(...longer, ...session, '--json')).stdout);
    expect(again).toMatchObject({ text, keptTokens: 10, usage: { promptTokens: 1 } });
    const other = JSON.parse((await run('-p', 'A cat', '-n', '5', ...session, '--json')).stdout);
    expect(other.keptTokens).toBe(1);
  });

  test('keeps the types apart, and says what is wrong with a file', async () => {
    const session = ['--session', file('typed.session')];
    const q8 = ['--kv-type', 'q8_0'];
    const whole = (await run(...once, '-n', '20', ...q8)).stdout.trimEnd();
    const first = (await run(...once, '-n', '10', ...q8, ...session)).stdout.slice(0, -1);
    expect(first + (await run('-n', '10', ...q8, ...session)).stdout.trimEnd()).toBe(whole);
    const before = readFileSync(file('typed.session'));
    const { code, stderr } = await run('-n', '5', ...session);
    expect(code).toBe(1);
    expect(stderr).toMatch(/^error: .*to hold keys and values as f16, but it holds q8_0/);
    expect(readFileSync(file('typed.session')).equals(before)).toBe(true);
    const short = await run(...q8, ...session, '-c', '10');
    expect(short.stderr).toMatch(/^error: Expected a session of at most 10 tokens/);
    writeFileSync(file('typed.session'), before.subarray(0, -1));
    const cut = await run(...q8, ...session, '--json');
    expect(JSON.parse(cut.stdout).error.code).toBe('ERR_BITNET_SESSION');
  });

  test('begins in an empty file, as mktemp makes one', async () => {
    writeFileSync(file('empty.session'), '');
    const first = await run(...once, '-n', '3', '--session', file('empty.session'));
    expect(first).toMatchObject({ code: 0, stdout: ', there was\n' });
    expect((await run('-n', '3', '--session', file('empty.session'))).code).toBe(0);
  });

  test('says before the text that it cannot save', async () => {
    mkdirSync(file('folder'));
    writeFileSync(file('other.txt'), 'precious');
    for (const [path, reason] of [
      [file('folder/missing/x.session'), 'Expected to write the file'],
      [file('folder'), 'is a folder;'],
      [file('other.txt'), 'Expected a new name or a session file at'],
      ['-', 'which stands for standard output'],
    ] as const) {
      const { code, stdout, stderr } = await run(...once, '-n', '3', '--session', path);
      expect({ code, stdout }).toEqual({ code: path === '-' ? 2 : 1, stdout: '' });
      expect(stderr).toContain(reason);
    }
    expect(existsSync(file('folder/missing'))).toBe(false);
    expect(readFileSync(file('other.txt'), 'utf8')).toBe('precious');
  });
});
