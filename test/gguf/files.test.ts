import { execFileSync } from 'node:child_process';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { describe, expect, it } from 'vitest';
import { readGguf } from '../../lib/gguf/reader.js';
import { tempFolder } from '../fixtures/temp-folder.js';

const temp = tempFolder();
const posix = it.skipIf(process.platform === 'win32');
const asUser = it.skipIf(process.platform === 'win32' || process.getuid?.() === 0);

describe('readGguf refuses a path that', () => {
  it('does not exist', async () => {
    const path = temp('nothere.gguf');
    await expect(readGguf(path)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: `Expected a model file at "${path}", but there is none; check the path.`,
      cause: { code: 'ENOENT' },
    });
  });

  posix('leads through a file', async () => {
    await writeFile(temp('plain'), 'x');
    const path = `${temp('plain')}/model.gguf`;
    await expect(readGguf(path)).rejects.toThrow(
      `Expected a model file at "${path}", but there is none; check the path.`,
    );
  });

  posix('is a folder', async () => {
    const path = temp('folder');
    await mkdir(path);
    await expect(readGguf(path)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: `Expected "${path}" to be a model file, but it is a directory; give the path of a .gguf file in it.`,
    });
  });

  posix('is a pipe, without waiting for a writer', async () => {
    const path = temp('pipe');
    execFileSync('mkfifo', [path]);
    await expect(readGguf(path)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: `Expected "${path}" to be a model file, but it is a pipe, socket or device; copy it to a regular file first.`,
    });
  });

  posix.each(['/dev/zero', '/dev/null'])('is the device %s', async (path) => {
    await expect(readGguf(path)).rejects.toThrow(
      `Expected "${path}" to be a model file, but it is a pipe, socket or device; copy it to a regular file first.`,
    );
  });

  posix('is a socket', async () => {
    const path = temp('socket');
    const server = createServer().listen(path);
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      await expect(readGguf(path)).rejects.toMatchObject({ code: 'ERR_BITNET_FILE' });
    } finally {
      server.close();
    }
  });

  asUser('may not be read (not testable as root)', async () => {
    const path = temp('secret.gguf');
    await writeFile(path, 'GGUF');
    await chmod(path, 0);
    await expect(readGguf(path)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: `Expected a readable model file at "${path}", but permission is denied; check its permissions.`,
    });
  });

  it('is the name of no file, perhaps of a model to be pulled', async () => {
    await expect(readGguf('bitnet-2b')).rejects.toThrow(
      'Expected a model file at "bitnet-2b", but there is none; give the path of a .gguf file, or get a model by its name first (bitnet pull, pullModel).',
    );
  });

  it('is too long for the system', async () => {
    const path = temp('x'.repeat(5000));
    await expect(readGguf(path)).rejects.toThrow(
      `Expected to read the model file "${path}", but the system answered "ENAMETOOLONG: `,
    );
  });

  it('has a NUL in it', async () => {
    await expect(readGguf('a\0b')).rejects.toMatchObject({ code: 'ERR_BITNET_FILE' });
  });

  it.each([
    ['', 'an empty string'],
    [undefined, 'a value of type undefined'],
    [3, 'a value of type number'],
  ])('is %o', async (path, found) => {
    await expect(readGguf(path as string)).rejects.toMatchObject({
      code: 'ERR_BITNET_ARGUMENT',
      message: `Expected the path of a model file as a non-empty string, but received ${found}.`,
    });
  });
});

describe('readGguf', () => {
  it.skipIf(process.platform !== 'linux')('leaves no file open, whatever happens', async () => {
    const open = async () => (await import('node:fs/promises')).readdir('/proc/self/fd');
    const sound = temp('sound.gguf');
    await writeFile(sound, Buffer.from(`4747554603000000${'00'.repeat(16)}`, 'hex'));
    await writeFile(temp('bad.gguf'), 'GGUFbad');
    const before = (await open()).length;
    for (let i = 0; i < 20; i++) {
      await readGguf(sound);
      await readGguf(temp('bad.gguf')).catch(() => {});
      await readGguf('/dev/null').catch(() => {});
    }
    expect((await open()).length).toBe(before);
  });

  it('does not change the file', async () => {
    const path = temp('same.gguf');
    const bytes = Buffer.from(`4747554603000000${'00'.repeat(16)}`, 'hex');
    await writeFile(path, bytes);
    await readGguf(path);
    expect(await readFile(path)).toEqual(bytes);
  });
});
