import { createHash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { describe, expect, test } from 'vitest';
import { filesSha256 } from '../lib/file-hash.js';
import { tempFolder } from './fixtures/temp-folder.js';

const file = tempFolder();

describe('the SHA-256 of files', () => {
  test('is that of all their bytes in order', async () => {
    const [a, b] = [Buffer.alloc(3 << 20, 'a'), Buffer.from('b')];
    await writeFile(file('a'), a);
    await writeFile(file('b'), b);
    const hash = (...parts: Buffer[]) =>
      createHash('sha256').update(Buffer.concat(parts)).digest('hex');
    expect(await filesSha256([file('a')], undefined)).toBe(hash(a));
    expect(await filesSha256([file('a'), file('b')], undefined)).toBe(hash(a, b));
    expect(await filesSha256([file('b'), file('a')], undefined)).toBe(hash(b, a));
  });

  test('can be interrupted, and needs every file', async () => {
    await writeFile(file('c'), Buffer.alloc(8 << 20));
    const controller = new AbortController();
    const hashing = filesSha256([file('c')], controller.signal);
    controller.abort();
    await expect(hashing).rejects.toMatchObject({ name: 'AbortError' });
    await expect(filesSha256([file('c'), file('nothere')], undefined)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
    });
  });
});
