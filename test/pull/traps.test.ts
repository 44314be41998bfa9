import { execFileSync } from 'node:child_process';
import {
  chownSync,
  existsSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { beforeEach, describe, expect, test } from 'vitest';
import { listModels, pullModel, removeModel } from '../../lib/index.js';
import { claimedPath, partialFiles } from '../../lib/pull/claims.js';
import { serveFile, sha256 } from './server.js';
import { data, once, source, twoServers } from './two-servers.js';

const { temp, server, target, left, beginWith } = twoServers();
const unix = process.platform !== 'win32';
const root = process.getuid?.() === 0;

/** What an earlier pull has left. */
const part = () => join(dirname(target()), readdirSync(dirname(target()))[0]!);
const victim = () => temp('victim');
beforeEach(() => {
  rmSync(victim(), { force: true });
  writeFileSync(victim(), 'GGUF and precious');
});

describe.runIf(unix)('in the place of what an earlier pull has left,', () => {
  beforeEach(async () => {
    await beginWith(serveFile(data, { stallAfter: 100_000 }));
    server().handler = serveFile(data);
  });
  const pulledWhole = async () => {
    expect(await pullModel(source, once)).toMatchObject({ received: data.length });
    expect(readFileSync(target()).equals(data)).toBe(true);
    expect(lstatSync(target()).isFile()).toBe(true);
    expect(readFileSync(victim(), 'utf8')).toBe('GGUF and precious');
  };

  test('a symbolic link is not followed', async () => {
    const path = part();
    rmSync(path);
    symlinkSync(victim(), path);
    await pulledWhole();
    expect(lstatSync(path).isSymbolicLink()).toBe(true);
  });

  test('a second name of another file is not written to', async () => {
    const path = part();
    rmSync(path);
    linkSync(victim(), path);
    await pulledWhole();
  });

  test.runIf(root)('a file of another user is not continued', async () => {
    chownSync(part(), 12_345, 12_345);
    await pulledWhole();
  });

  test('a pipe is not waited for', async () => {
    const path = part();
    rmSync(path);
    execFileSync('mkfifo', [path]);
    await pulledWhole();
  });

  test('a claim from the future is not waited for', async () => {
    const claim = claimedPath(target(), '0123456789abcdef').replace(/\.[\da-f]{8}-/, '.00000000-');
    renameSync(part(), claim);
    const future = new Date(Date.now() + 1e9);
    utimesSync(claim, future, future);
    expect(await partialFiles(dirname(target()))).toMatchObject([{ state: 'lost' }]);
    await pulledWhole();
    expect(existsSync(claim)).toBe(true);
  });

  test('a link is neither listed nor removed with a model', async () => {
    const path = part();
    rmSync(path);
    symlinkSync(victim(), path);
    expect(await listModels()).toEqual([]);
    await expect(removeModel(source)).rejects.toThrow('none was pulled yet');
    expect(readFileSync(victim(), 'utf8')).toBe('GGUF and precious');
  });
});

describe.runIf(unix)('in the place of the file itself,', () => {
  beforeEach(() => {
    mkdirSync(dirname(target()), { recursive: true });
    server().handler = serveFile(data);
    server().requests.length = 0;
  });

  test('a pipe is refused, before anything is asked for', async () => {
    execFileSync('mkfifo', [target()]);
    for (const options of [{}, { force: true }, { sha256: sha256(data) }]) {
      await expect(pullModel(source, options)).rejects.toMatchObject({
        code: 'ERR_BITNET_FILE',
        message: expect.stringContaining('there is a folder, pipe or device; remove it.'),
      });
    }
    expect(server().requests).toEqual([]);
    expect(lstatSync(target()).isFIFO()).toBe(true);
  });

  test('a link in the store is replaced, not what it leads to', async () => {
    symlinkSync(victim(), target());
    await pullModel(source, { force: true });
    expect(readFileSync(victim(), 'utf8')).toBe('GGUF and precious');
    expect(readFileSync(target()).equals(data)).toBe(true);
    expect(left()).toEqual(['model.gguf']);
  });
});

describe('what -o names', () => {
  const pull = (output: string, force = false) => pullModel(source, { output, force });
  beforeEach(() => {
    server().handler = serveFile(data);
  });

  test('is never replaced without force, and no folder, pipe or device is with it', async () => {
    await expect(pull(victim())).rejects.toMatchObject({
      code: 'ERR_BITNET_FILE',
      message: expect.stringContaining('(--force, option force)'),
    });
    expect(readFileSync(victim(), 'utf8')).toBe('GGUF and precious');
    await pull(victim(), true);
    expect(readFileSync(victim()).equals(data)).toBe(true);
    await expect(pull('-', true)).rejects.toMatchObject({ code: 'ERR_BITNET_ARGUMENT' });
    if (unix) await expect(pull('/dev/null', true)).rejects.toThrow('is a device;');
  });

  test.runIf(unix)('is followed where it is a link of this user to a file of theirs', async () => {
    mkdirSync(temp('out'));
    symlinkSync(victim(), temp('out/link.gguf'));
    await expect(pull(temp('out/link.gguf'))).rejects.toMatchObject({ code: 'ERR_BITNET_FILE' });
    await pull(temp('out/link.gguf'), true);
    expect(lstatSync(temp('out/link.gguf')).isSymbolicLink()).toBe(true);
    expect(readFileSync(victim()).equals(data)).toBe(true);
    if (!root) return;
    lchownSync(temp('out/link.gguf'), 12_345, 12_345);
    await expect(pull(temp('out/link.gguf'), true)).rejects.toThrow('a link of another user');
  });

  test('must not appear meanwhile', async () => {
    const output = temp('out/meanwhile.gguf');
    const pulling = pullModel(source, {
      output,
      onProgress: () => !existsSync(output) && writeFileSync(output, 'made meanwhile'),
    });
    await expect(pulling).rejects.toThrow('Expected no file at');
    expect(readFileSync(output, 'utf8')).toBe('made meanwhile');
  });
});

test.runIf(unix)('a pipe where a token may be is not waited for', async () => {
  server().handler = serveFile(data);
  mkdirSync(temp('home'), { recursive: true });
  execFileSync('mkfifo', [temp('home/token')]);
  await pullModel(source);
  expect(server().requests[0]!.headers.authorization).toBeUndefined();
});

describe('names from outside', () => {
  test('never bring control characters into a file name', async () => {
    mkdirSync(temp('out'), { recursive: true });
    for (const name of [
      'a%00b.gguf',
      'a%1b%5b2Jb.gguf',
      'a%0ab.gguf',
      'a%c2%9bb.gguf',
      'a%7f.gguf',
    ]) {
      const url = `${server().origin}/${name}`;
      for (const output of [undefined, temp('out')]) {
        await expect(pullModel(url, { output })).rejects.toMatchObject({
          code: 'ERR_BITNET_ARGUMENT',
        });
      }
    }
    expect(readdirSync(temp('out'))).toEqual([]);
    expect(server().requests).toEqual([]);
  });

  test('never make thousands of requests', async () => {
    for (const address of [
      'o/r/m-00001-of-99999.gguf',
      `${server().origin}/m-00001-of-00513.gguf`,
    ]) {
      await expect(pullModel(address)).rejects.toMatchObject({
        code: 'ERR_BITNET_ARGUMENT',
        message: expect.stringMatching(/at most 512 files, but the name says that it has/),
      });
    }
    expect(server().requests).toEqual([]);
  });

  test('never make a sentence of four hundred thousand names', async () => {
    const siblings = Array.from({ length: 400_000 }, (_, i) => ({ rfilename: `${i}.gguf` }));
    siblings[0] = { rfilename: `${'x'.repeat(100_000)}.gguf` };
    server().handler = (_, response) => response.end(JSON.stringify({ siblings }));
    const { message } = await pullModel('owner/repo').catch((reason) => reason);
    expect(message).toMatch(/it has 400000 GGUF files; .*"9\.gguf" and 399990 more\.$/);
    expect(message.length).toBeLessThan(1000);
  });
});
