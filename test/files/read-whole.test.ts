import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { BitnetError } from '../../lib/errors.js';
import { readWhole } from '../../lib/files/read-whole.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const temp = tempFolder();
const tooLarge = (size: number) => new BitnetError('ERR_BITNET_FILE', `${size} bytes`);

it('A file is read whole where it is one and not too large, and missing is none', async () => {
  writeFileSync(temp('file'), 'abc');
  mkdirSync(temp('folder'));
  expect(`${await readWhole(temp('file'), 3, tooLarge)}`).toBe('abc');
  expect(await readWhole(temp('missing'), 3, tooLarge)).toBe(undefined);
  expect(await readWhole(temp('file/under'), 3, tooLarge)).toBe(undefined);
  await expect(readWhole(temp('file'), 2, tooLarge)).rejects.toThrow('3 bytes');
  await expect(readWhole(temp('folder'), 3, tooLarge)).rejects.toThrow(
    `Expected a regular file at "${temp('folder')}", but it is a folder; remove it, or put`,
  );
});

it.skipIf(process.platform === 'win32')('A pipe is not waited for', async () => {
  execFileSync('mkfifo', [temp('pipe')]);
  await expect(readWhole(temp('pipe'), 3, tooLarge)).rejects.toThrow('it is a pipe, socket or');
});
