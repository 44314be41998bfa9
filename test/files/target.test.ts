import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { replaceFile, replaceText } from '../../lib/files/replace-file.js';
import { type FileKind, writableTarget } from '../../lib/files/target.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const temp = tempFolder();
let path: string;
let folders = 0;
const at = (name: string) => `${dirname(path)}/${name}`;
beforeEach(() => {
  path = temp(`${++folders}/file`);
  mkdirSync(dirname(path));
});

const note: FileKind = {
  name: 'a note',
  headBytes: 5,
  matches: (head) => head.toString() === 'note:',
};
const save = (to: string, text = 'note: new', overwrite = false) =>
  replaceText(to, { kind: note, overwrite }, text);

const unix = process.platform !== 'win32';
const root = process.getuid?.() === 0;

describe('what a person names', () => {
  test('may be a new name, a file of its kind or an empty one', async () => {
    await save(path, 'note: 1');
    await save(path, 'note: 2');
    expect(readFileSync(path, 'utf8')).toBe('note: 2');
    writeFileSync(path, '');
    await save(path, 'note: 3');
    expect(readFileSync(path, 'utf8')).toBe('note: 3');
    expect(readdirSync(dirname(path))).toEqual(['file']);
  });

  test('may be another file only where that was confirmed', async () => {
    writeFileSync(path, 'precious');
    await expect(save(path)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: `Expected a new name or a note at "${path}", but there is another kind of file; choose another name, or allow it to be replaced (option overwrite).`,
      replaceable: true,
    });
    await expect(writableTarget(path, {})).rejects.toMatchObject({ replaceable: true });
    expect(readFileSync(path, 'utf8')).toBe('precious');
    await save(path, 'note: new', true);
    expect(readFileSync(path, 'utf8')).toBe('note: new');
  });

  test('keeps its permissions', async () => {
    writeFileSync(path, 'note: old');
    chmodSync(path, 0o640);
    await save(path);
    if (unix) expect(statSync(path).mode & 0o777).toBe(0o640);
  });

  test('is no folder, whatever is confirmed', async () => {
    mkdirSync(path);
    await expect(save(path, '', true)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: expect.stringContaining('is a folder;'),
    });
  });

  test.runIf(unix)('is no pipe, and none is waited for', async () => {
    execFileSync('mkfifo', [path]);
    await expect(save(path, '', true)).rejects.toThrow('is a pipe;');
    await expect(save(path)).rejects.toThrow('is a pipe;');
    expect(lstatSync(path).isFIFO()).toBe(true);
  });

  test.runIf(unix)('is no device', async () => {
    await expect(writableTarget('/dev/null', { overwrite: true })).rejects.toThrow('is a device;');
    if (!root) return;
    try {
      execFileSync('mknod', [path, 'c', '1', '3'], { stdio: 'ignore' });
    } catch {
      return; // a container may forbid it
    }
    await expect(save(path, '', true)).rejects.toThrow('is a device;');
    expect(lstatSync(path).isCharacterDevice()).toBe(true);
  });

  test('is not standard output', async () => {
    await expect(save('-')).rejects.toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
      message: expect.stringContaining('write ./- if'),
    });
    expect(existsSync('-')).toBe(false);
  });

  test('must not become what may not be replaced while the new file is written', async () => {
    const change = replaceFile(path, { kind: note }, async (part) => {
      writeFileSync(part, 'mine');
      writeFileSync(path, 'made meanwhile');
    });
    await expect(change).rejects.toThrow('another kind of file');
    expect(readFileSync(path, 'utf8')).toBe('made meanwhile');
    expect(readdirSync(dirname(path))).toEqual(['file']);
  });

  test('may be written twice at once: each file is whole, the later stays', async () => {
    await Promise.all(['note: 1', 'note: 2', 'note: 3'].map((text) => save(path, text)));
    expect(readFileSync(path, 'utf8')).toMatch(/^note: [123]$/);
    expect(readdirSync(dirname(path))).toEqual(['file']);
  });

  test.runIf(root)(
    'is no file of another user in a sticky folder, where it must stay',
    async () => {
      writeFileSync(path, 'note: old');
      chmodSync(path, 0o666);
      chmodSync(dirname(path), 0o1777);
      const user = vi.spyOn(process, 'geteuid').mockReturnValue(12_345);
      try {
        await expect(save(path, '', true)).rejects.toThrow("is another user's file;");
        chmodSync(dirname(path), 0o777);
        await writableTarget(path, { kind: note });
      } finally {
        user.mockRestore();
      }
      expect(readFileSync(path, 'utf8')).toBe('note: old');
    },
  );

  test('and cannot be written is named, not the part', async () => {
    const error = await save(at('no/where')).catch((reason) => reason);
    expect(error).toMatchObject({ code: 'ERR_BITNET_FILE' });
    expect(error.message).toMatch(
      /^Expected to write the file ".*where", but its folder does not exist; make the folder first\.$/,
    );
    expect(error.message).not.toContain('.part');
  });
});

describe.runIf(unix)('a symbolic link', () => {
  beforeEach(() => symlinkSync('real', path));

  test('is followed to a regular file, and stays', async () => {
    writeFileSync(at('real'), 'note: old');
    await save(path);
    expect(readlinkSync(path)).toBe('real');
    expect(readFileSync(at('real'), 'utf8')).toBe('note: new');
    expect(readdirSync(dirname(path)).sort()).toEqual(['file', 'real']);
  });

  test('is refused where it leads to no regular file or to one of another kind', async () => {
    await expect(save(path)).rejects.toThrow('is a link that leads nowhere;');
    writeFileSync(at('real'), 'precious');
    await expect(save(path)).rejects.toThrow('another kind of file');
    expect(readFileSync(at('real'), 'utf8')).toBe('precious');
    symlinkSync('/dev/null', at('null'));
    await expect(save(at('null'), '', true)).rejects.toThrow(
      /is (a device|a link of another user)/,
    );
    expect(existsSync('/dev/null')).toBe(true);
  });

  test('is refused where the program has named the file', async () => {
    writeFileSync(at('real'), 'note: old');
    const named = replaceText(path, { overwrite: true, links: false }, 'x');
    await expect(named).rejects.toThrow('is a link;');
    expect(readFileSync(at('real'), 'utf8')).toBe('note: old');
  });

  test.runIf(root)(
    'of another user is not followed, nor one to a file of another user',
    async () => {
      writeFileSync(at('real'), 'note: old');
      lchownSync(path, 12_345, 12_345);
      await expect(save(path, '', true)).rejects.toThrow('is a link of another user');
      lchownSync(path, 0, 0);
      lchownSync(at('real'), 12_345, 12_345);
      await expect(save(path, '', true)).rejects.toThrow('to a file of another user');
      expect(readFileSync(at('real'), 'utf8')).toBe('note: old');
    },
  );
});
