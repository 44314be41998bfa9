import { execFileSync } from 'node:child_process';
import { linkSync, readFileSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { appendNamed, readNamedText, readRegularText } from '../../lib/files/own.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const temp = tempFolder();
const path = temp('file');
const unix = process.platform !== 'win32';
beforeEach(() => {
  rmSync(path, { force: true });
  writeFileSync(temp('victim'), 'precious');
});

test('a file that the program has named is begun, and continued', async () => {
  await appendNamed(path, 'a', 0o600);
  await appendNamed(path, 'b', 0o600);
  expect(await readNamedText(path, 2)).toBe('ab');
  await expect(readNamedText(path, 1)).rejects.toMatchObject({ code: 'EPERM' });
  if (unix) expect(statSync(path).mode & 0o777).toBe(0o600);
});

describe.runIf(unix)('in its place', () => {
  test('a link of either kind is not written to', async () => {
    for (const link of [symlinkSync, linkSync]) {
      rmSync(path, { force: true });
      link(temp('victim'), path);
      await expect(appendNamed(path, 'x', 0o600)).rejects.toThrow();
      expect(readFileSync(temp('victim'), 'utf8')).toBe('precious');
    }
  });

  test('a link that leads nowhere makes no file there', async () => {
    symlinkSync(temp('nowhere'), path);
    await expect(appendNamed(path, 'x', 0o600)).rejects.toThrow();
    await expect(readRegularText(temp('nowhere'), 9)).rejects.toMatchObject({ code: 'ENOENT' });
  });

  test('a pipe is not waited for', async () => {
    execFileSync('mkfifo', [path]);
    await expect(appendNamed(path, 'x', 0o600)).rejects.toMatchObject({ code: 'EPERM' });
    for (const read of [readNamedText, readRegularText]) {
      await expect(read(path, 10)).rejects.toMatchObject({ code: 'EPERM' });
    }
  });
});

test.runIf(unix)('a text that a person has named may be a link to a regular file', async () => {
  symlinkSync(temp('victim'), path);
  expect(await readRegularText(path, 10)).toBe('precious');
  await expect(readNamedText(path, 10)).rejects.toMatchObject({ code: 'EPERM' });
});
