import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { afterEach, beforeAll, expect, test, vi } from 'vitest';
import { pullModel } from '../../lib/index.js';
import { pullEnvironment } from './environment.js';
import { fakeModel, serveFile, type TestServer, testServer } from './server.js';

const temp = pullEnvironment();
const data = fakeModel(300_000);
const source = 'owner/repo/model.gguf';
const folder = () => temp('cache/models/owner/repo');
let server: TestServer;
let fileHandle: FileHandle;
beforeAll(async () => {
  server = await testServer();
  writeFileSync(temp('any'), '');
  const handle = await open(temp('any'));
  fileHandle = Object.getPrototypeOf(handle) as FileHandle;
  await handle.close();
});
afterEach(() => vi.restoreAllMocks());

const failing = (code: string) => Object.assign(new Error(`${code}: no`), { code });

test.each([
  ['ENOSPC', 'the disk is full; free some space and pull again'],
  ['EDQUOT', 'your quota is used up'],
  ['EFBIG', 'does not take files of this size'],
  ['EIO', 'the system answered "EIO: no"'],
])(
  'a write that fails with %s is one sentence, and what is written is kept',
  async (code, text) => {
    process.env.HF_ENDPOINT = server.origin;
    server.requests.length = 0;
    server.handler = (_, response) => {
      response.writeHead(200, { etag: '"1"', 'content-length': data.length });
      response.write(data.subarray(0, 100_000)); // at least one write succeeds, and one does not
      setTimeout(() => response.end(data.subarray(100_000)), 200);
    };
    const write = fileHandle.write;
    let writes = 0;
    vi.spyOn(fileHandle, 'write').mockImplementation(function (
      this: FileHandle,
      ...args: Parameters<FileHandle['write']>
    ) {
      return ++writes > 1 ? Promise.reject(failing(code)) : write.apply(this, args);
    } as never);
    await expect(pullModel(source)).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: expect.stringContaining(text),
      resumable: true,
    });
    expect(server.requests.length).toBe(1); // trying again would not help
    expect(readdirSync(folder())).toEqual([
      expect.stringMatching(/^model\.gguf\.[\da-f]{16}\.part$/),
    ]);
    vi.restoreAllMocks();
    server.handler = serveFile(data);
    const { received, path } = await pullModel(source);
    expect(received).toBeLessThan(data.length);
    expect(readFileSync(path).equals(data)).toBe(true);
  },
);

test('a file that cannot be synced is not said to be complete', async () => {
  process.env.HF_ENDPOINT = server.origin;
  server.handler = serveFile(data);
  vi.spyOn(fileHandle, 'sync').mockRejectedValue(failing('EIO'));
  await expect(pullModel(source)).rejects.toMatchObject({ code: 'ERR_BITNET_FILE' });
  expect(readdirSync(folder())).toEqual([expect.stringMatching(/\.part$/)]);
});

test('a file that does not fit is refused before its bytes come', async () => {
  process.env.HF_ENDPOINT = server.origin;
  server.handler = serveFile(data, { headers: { 'content-length': `${2 ** 49}` } });
  await expect(pullModel(source, { retries: 0 })).rejects.toMatchObject({
    code: 'ERR_BITNET_FILE',
    message: expect.stringMatching(/^Expected 536870912\.0 MiB of free space for /),
  });
  expect(readdirSync(folder())).toEqual([]);
});

test('a folder that is a file is one sentence', async () => {
  process.env.HF_ENDPOINT = server.origin;
  mkdirSync(temp('cache'), { recursive: true });
  writeFileSync(temp('cache/models'), '');
  await expect(pullModel(source)).rejects.toMatchObject({ code: 'ERR_BITNET_FILE' });
});
