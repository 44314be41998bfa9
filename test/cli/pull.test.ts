import { readdirSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { PullView, progressText } from '../../bin/commands/pull-view.mjs';
import type { Terminal } from '../../bin/terminal.mjs';
import { partialFiles } from '../../lib/pull/claims.js';
import { pullEnvironment } from '../pull/environment.js';
import { answer, serveFile, sha256, type TestServer, testServer } from '../pull/server.js';
import { bitnet as command, finished, start, storiesPath } from './bitnet.js';

const temp = pullEnvironment();
const stories = readFileSync(storiesPath);
const name = 'owner/repo/stories.gguf';
const path = () => temp(`cache/models/${name}`);
let server: TestServer;
beforeAll(async () => {
  server = await testServer();
});
beforeEach(() => {
  server.handler = serveFile(stories);
});
const env = () => ({
  BITNET_CACHE: temp('cache'),
  HF_HOME: temp('home'),
  HF_ENDPOINT: server.origin,
});
const bitnet = (args: readonly string[], more: Readonly<Record<string, string>> = {}) =>
  command(args, { env: { ...env(), ...more } });

describe('bitnet pull', () => {
  test('says on stderr what it has got, and how to run it', async () => {
    expect(await bitnet(['pull', name])).toEqual({
      code: 0,
      stdout: '',
      stderr: `${name}: 3.3 MiB\nSHA-256 ${sha256(stories)}\nbitnet run ${name}\n`,
    });
    const again = await bitnet(['pull', name]);
    expect(again.stderr).toBe(`${name}: 3.3 MiB, there already\nbitnet run ${name}\n`);
    expect((await bitnet(['pull', name, '--force', '--quiet'])).stderr).toBe('');
  });

  test('lists short names, which every command knows once pulled', async () => {
    const all = JSON.parse((await bitnet(['pull', '--list', '--json'])).stdout).models;
    expect(all[0]).toEqual({
      name: 'bitnet-2b',
      about: 'chat, 2.4B',
      repository: 'microsoft/bitnet-b1.58-2B-4T-gguf',
      file: 'ggml-model-i2_s.gguf',
      license: 'MIT',
      bytes: 1.2e9,
      path: null,
    });
    const pulled = await bitnet(['pull', 'bitnet-2b']);
    expect(pulled.stderr).toMatch(
      /^microsoft\/.*\/ggml-model-i2_s\.gguf: .*\nbitnet run bitnet-2b\n$/s,
    );
    const list = (await bitnet(['pull', '--list'])).stdout.trimEnd().split('\n');
    expect(list[0]).toMatch(/^bitnet-2b +chat, 2\.4B +1\.2 GB +MIT +pulled +microsoft\/bitnet/);
    expect(list.filter((line) => / pulled /.test(line)).length).toBe(1);
    const { stdout } = await bitnet(['inspect', '--json', 'bitnet-2b']);
    expect(JSON.parse(stdout).path).toMatch(/ggml-model-i2_s\.gguf$/);
    for (const args of [
      ['run', 'bonsai-4b', '-p', 'x'],
      ['inspect', 'bonsai-4b'],
    ]) {
      const { code, stderr } = await bitnet(args);
      expect({ code, stderr }).toEqual({
        code: 1,
        stderr:
          'error: Expected the name of a pulled model, but there is no "bonsai-4b"; bitnet pull bonsai-4b gets it.\n',
      });
    }
    const nothing = await bitnet(['pull']);
    expect(nothing).toMatchObject({ code: 2, stdout: '' });
    expect(nothing.stderr).toContain('Expected a model to pull, or --list');
  });

  test('prints one JSON object with --json, failures too', async () => {
    const { code, stdout, stderr } = await bitnet(['pull', name, '--json']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(JSON.parse(stdout)).toEqual({
      name,
      path: path(),
      bytes: stories.length,
      received: stories.length,
      files: [{ path: path(), bytes: stories.length, sha256: sha256(stories) }],
    });
    server.handler = answer(404);
    const missing = await bitnet(['pull', 'owner/repo/other.gguf', '--json']);
    expect(missing).toMatchObject({ code: 1, stderr: '' });
    expect(JSON.parse(missing.stdout)).toMatchObject({ error: { code: 'ERR_BITNET_NETWORK' } });
  });

  test('after Ctrl-C goes on where it stopped', async () => {
    server.handler = serveFile(stories, { stallAfter: 1_000_000 });
    const child = start(['pull', name], env());
    const run = finished(child);
    while (!(await partialFiles(dirname(path()))).some(({ bytes }) => bytes === 1_000_000)) {
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    child.kill('SIGINT');
    expect(await run).toEqual({
      code: 130,
      stdout: '',
      stderr: 'What has arrived is kept: the same command continues from there.\n',
    });
    expect((await bitnet(['list'])).stdout).toMatch(/^owner.*\bincomplete\n$/);
    const used = await bitnet(['run', 'stories', '-p', 'x']);
    expect(used).toMatchObject({
      code: 1,
      stderr: `error: Expected a complete model, but "${name}" was only partly pulled; pull it again to resume.\n`,
    });
    server.handler = serveFile(stories);
    const { stdout } = await bitnet(['pull', name, '--json']);
    expect(JSON.parse(stdout).received).toBe(stories.length - 1_000_000 + 1);
    expect(readFileSync(path()).equals(stories)).toBe(true);
  });

  test('warns before it tries again', async () => {
    server.handler = serveFile(stories, { breaks: true });
    const { code, stderr } = await bitnet(['pull', name, '--retries', '1', '--timeout', '5']);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /^warning: Expected .* \(1 of 1\)\.\nerror: Expected an answer from .*\n$/,
    );
  });

  test('writes to -o, and checks --sha256', async () => {
    const output = temp('out/x.gguf');
    const args = ['pull', name, '-o', output, '--sha256'];
    expect((await bitnet([...args, 'xyz'])).code).toBe(2);
    const wrong = await bitnet([...args, '0'.repeat(64)]);
    expect(wrong).toMatchObject({ code: 1, stderr: expect.stringContaining('was deleted') });
    expect(readdirSync(temp('out'))).toEqual([]);
    const right = await bitnet([...args, sha256(stories)]);
    expect(right).toMatchObject({ code: 0, stderr: expect.stringContaining(`${output}: 3.3 MiB`) });
  });

  test('a source that is none is wrong usage', async () => {
    expect((await bitnet(['pull', 'stories.gguf'])).code).toBe(2);
    expect((await bitnet(['pull'])).code).toBe(2);
  });
});

describe('the name of a pulled model', () => {
  beforeEach(async () => {
    expect((await bitnet(['pull', name])).code).toBe(0);
  });

  test('is a model to run, inspect and bench', async () => {
    const settings = ['-n', '3', '--temp', '0', '--json'];
    const model = { model: path() };
    for (const args of [
      ['stories', '-p', 'Once', ...settings],
      ['-m', 'stories', ...settings, 'Once'],
    ]) {
      expect(JSON.parse((await bitnet(['run', ...args])).stdout)).toMatchObject(model);
    }
    const usual = { BITNET_MODEL: 'owner/repo' };
    const run = await bitnet(['run', '-p', 'Once', ...settings], usual);
    expect(JSON.parse(run.stdout)).toMatchObject(model);
    for (const [args, variables] of [
      [['stories.gguf'], {}],
      [[], usual],
    ] as const) {
      const { stdout } = await bitnet(['inspect', '--json', ...args], variables);
      expect(JSON.parse(stdout)).toMatchObject({ path: path() });
    }
    const bench = ['bench', 'stories', storiesPath, '-p', '0', '-n', '1', '-r', '1', '-t', '1'];
    const { results } = JSON.parse((await bitnet([...bench, '--no-autotune', '--json'])).stdout);
    expect(results.map(({ model: used }: { model: string }) => used)).toEqual([
      path(),
      storiesPath,
    ]);
  });

  test('is text after -m', async () => {
    const args = ['run', '-m', storiesPath, '-n', '1', '--json', '--raw', 'stories'];
    const { code, stdout } = await bitnet(args);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ model: storiesPath });
  });

  test('is suggested where it is misspelled, and only there', async () => {
    expect((await bitnet(['inspect', 'storis'])).stderr).toBe(
      `error: Expected a model file or the name of a pulled model, but there is no "storis"; did you mean "${name}"?\n`,
    );
    for (const other of ['other.gguf', './stories', '../stories.gguf']) {
      expect((await bitnet(['inspect', other])).stderr).toBe(
        `error: Expected a model file at "${other}", but there is none; check the path.\n`,
      );
    }
  });
});

describe('bitnet pull shows', () => {
  const progress = { file: 'a.gguf', shard: 1, shards: 1, bytes: 2 ** 20, total: 2 ** 22 };
  test.each([
    [progress, 2 ** 20, 'a.gguf: 25 % of 4.0 MiB, 1.0 MiB/s, 0:03 left'],
    [
      { ...progress, shard: 2, shards: 3 },
      300,
      'a.gguf (2 of 3): 25 % of 4.0 MiB, 300 bytes/s, 2:54:46 left',
    ],
    [{ ...progress, total: undefined }, 2048, 'a.gguf: 1.0 MiB, 2.0 KiB/s'],
    [progress, 0, 'a.gguf: 25 % of 4.0 MiB, 0 bytes/s'],
  ])('%j at %d bytes/s as %s', (seen, rate, text) => {
    expect(progressText(seen, rate)).toBe(text);
  });

  test('a line every five seconds where there is no terminal', () => {
    vi.useFakeTimers({ toFake: ['performance'] });
    try {
      const lines: string[] = [];
      const terminal = { note: (text: string) => lines.push(text) } as unknown;
      const view = new PullView(terminal as Terminal);
      for (let second = 0; second <= 12; second++) {
        view.update({ ...progress, bytes: second * 2 ** 18, total: 2 ** 22 });
        vi.advanceTimersByTime(1000);
      }
      expect(lines).toEqual([
        'a.gguf: 31 % of 4.0 MiB, 256.0 KiB/s, 0:11 left',
        'a.gguf: 62 % of 4.0 MiB, 256.0 KiB/s, 0:06 left',
      ]);
    } finally {
      vi.useRealTimers();
    }
  });
});
