import { spawnSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { newPart, partDone, removeUnfinished } from '../../lib/files/part-files.js';
import { newMark } from '../../lib/files/process-mark.js';
import { replaceText } from '../../lib/files/replace-file.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const temp = tempFolder();
let path: string;
let folders = 0;
beforeEach(() => {
  path = temp(`${++folders}/file`);
  mkdirSync(dirname(path));
});
const left = () => readdirSync(dirname(path)).sort();

/** A process id that no process has any more. */
const deadPid = spawnSync(process.execPath, ['-e', '']).pid;
const mark = (pid: number) => newMark().replace(`-${process.pid}-`, `-${pid}-`);
const partOf = (pid: number) => `${path}.${mark(pid)}.part`;

describe('parts of dead processes', () => {
  test('are removed by the next writer, also those of a trial', async () => {
    writeFileSync(partOf(deadPid), 'half');
    writeFileSync(`${partOf(deadPid)}.${mark(deadPid)}.part`, 'half');
    await replaceText(path, {}, 'whole');
    expect(left()).toEqual(['file']);
  });

  test('are removed where they are folders', async () => {
    const part = partOf(deadPid);
    mkdirSync(part);
    writeFileSync(`${part}/half`, '');
    await replaceText(path, {}, 'whole');
    expect(left()).toEqual(['file']);
  });

  test('of the same id, as in a container that was started again, are removed too', async () => {
    const part = partOf(process.pid);
    writeFileSync(part, 'half');
    utimesSync(part, 1, 1);
    await replaceText(path, {}, 'whole');
    expect(left()).toEqual(['file']);
  });

  test('alone are: not those of living ones, of other machines, or of other files', async () => {
    const names = [
      partOf(process.ppid),
      partOf(process.pid),
      partOf(deadPid).replace(/\.[\da-f]{8}-/, '.00000000-'),
      `${path}2.${mark(deadPid)}.part`,
      `${path}.${mark(deadPid)}.partial`,
      `${path}.part`,
    ];
    for (const name of names) writeFileSync(name, 'half');
    await replaceText(path, {}, 'whole');
    expect(left().length).toBe(1 + names.length);
  });

  test.skipIf(process.platform === 'win32')('that are links or of others stay', async () => {
    writeFileSync(temp('victim'), 'precious');
    symlinkSync(temp('victim'), partOf(deadPid));
    linkSync(temp('victim'), partOf(deadPid));
    const root = process.getuid?.() === 0;
    const other = partOf(deadPid);
    writeFileSync(other, 'half');
    if (root) chownSync(other, 12_345, 12_345);
    await replaceText(path, {}, 'whole');
    expect(left().length).toBe(root ? 4 : 3);
    expect(readFileSync(temp('victim'), 'utf8')).toBe('precious');
  });
});

test('what this process is writing is removed at once when it must end', () => {
  const [one, two, done] = [newPart(path), newPart(path), newPart(path)];
  for (const part of [one, done]) writeFileSync(part, 'half');
  partDone(done);
  removeUnfinished(); // `two` was not made yet
  expect([one, done].map(existsSync)).toEqual([false, true]);
  for (const part of [one, two]) partDone(part);
});
