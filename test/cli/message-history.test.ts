import { chmodSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { afterEach, expect, test, vi } from 'vitest';
import { MessageHistory } from '../../bin/message-history.mjs';
import { tempFolder } from '../fixtures/temp-folder.js';

const file = tempFolder();
afterEach(() => void vi.unstubAllEnvs());

async function opened(path: string) {
  vi.stubEnv('BITNET_HISTORY', path);
  const warn = vi.fn();
  return { history: await MessageHistory.open(warn), warn };
}

test('messages come back, the last first, and nobody else can read them', async () => {
  const path = file('history');
  const { history } = await opened(path);
  for (const text of ['one', 'two\nlines', 'two\nlines', ' ', '/stats']) await history.add(text);
  expect(history.entries).toEqual(['/stats', 'two\nlines', 'one']);
  expect(readFileSync(path, 'utf8')).toBe('"one"\n"two\\nlines"\n"/stats"\n');
  expect(statSync(path).mode & 0o777).toBe(0o600);
  chmodSync(path, 0o644);
  expect((await opened(path)).history.entries).toEqual(history.entries);
  expect(statSync(path).mode & 0o777).toBe(0o600);
});

test('without a place of its own it is in the state folder, which need not be there', async () => {
  vi.stubEnv('BITNET_HISTORY', undefined);
  vi.stubEnv('XDG_STATE_HOME', file('state'));
  const history = await MessageHistory.open(vi.fn());
  await history.add('one');
  expect(readFileSync(file('state/bitnet/history'), 'utf8')).toBe('"one"\n');
  expect(statSync(file('state/bitnet')).mode & 0o777).toBe(0o700);
});

test('a line that is damaged costs that line', async () => {
  writeFileSync(file('damaged'), '"one"\n"tw\n\n3\n"four"\n"cut');
  expect((await opened(file('damaged'))).history.entries).toEqual(['four', 'one']);
});

test('a long file is cut, and stays as long as that', async () => {
  const lines = Array.from({ length: 1200 }, (_, i) => `"${i}"\n`);
  writeFileSync(file('long'), lines.join(''));
  const { history } = await opened(file('long'));
  expect([history.entries.length, history.entries[0]]).toEqual([500, '1199']);
  expect(readFileSync(file('long'), 'utf8')).toBe(lines.slice(-500).join(''));
});

test('what is no history is left alone, with a warning', async () => {
  writeFileSync(file('letter'), 'Dear all,');
  mkdirSync(file('folder'));
  symlinkSync(file('nowhere'), file('link'));
  for (const name of ['letter', 'folder', 'link', 'missing/history']) {
    const { history, warn } = await opened(file(name));
    await history.add('one');
    expect(history.entries).toEqual(['one']);
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0]![0]).toMatch(/^What you type is not remembered for other chats: Exp/);
  }
  expect(readFileSync(file('letter'), 'utf8')).toBe('Dear all,');
});

test('what the system will not open or write is a sentence', async () => {
  vi.stubEnv('XDG_STATE_HOME', file('plain'));
  writeFileSync(file('plain'), '');
  const warn = vi.fn();
  vi.stubEnv('BITNET_HISTORY', undefined);
  await MessageHistory.open(warn);
  expect(warn.mock.calls[0]![0]).toMatch(
    /^What you type is not remembered for other chats: Expected to write the file ".*", but the system answered "ENOTDIR: not a directory"; /,
  );
  const { history, warn: late } = await opened(file('gone'));
  mkdirSync(file('gone'));
  await history.add('one');
  expect(late.mock.calls[0]![0]).toMatch(
    /^What you type could not be remembered: Expected to write the file ".*gone", but the system answered "/,
  );
});

test('nothing is kept with an empty BITNET_HISTORY or /dev/null', async () => {
  for (const path of ['', '/dev/null']) {
    const { history, warn } = await opened(path);
    await history.add('one');
    expect(history.entries).toEqual(['one']);
    expect(warn).not.toHaveBeenCalled();
  }
});
