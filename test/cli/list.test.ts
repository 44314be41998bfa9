import { mkdirSync, utimesSync, writeFileSync } from 'node:fs';
import { beforeEach, describe, expect, test } from 'vitest';
import { pullEnvironment } from '../pull/environment.js';
import { bitnet as command } from './bitnet.js';

const temp = pullEnvironment();
const bitnet = (args: readonly string[]) => command(args, { env: { BITNET_CACHE: temp('cache') } });
const folder = () => temp('cache/models/o/r');

describe('bitnet list', () => {
  test('says how to get a model where there is none', async () => {
    expect(await bitnet(['list'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'No models yet: bitnet pull bitnet-2b gets one, bitnet pull --list names others.\n',
    });
    expect(JSON.parse((await bitnet(['list', '--json'])).stdout)).toEqual({
      folder: temp('cache/models'),
      models: [],
    });
  });
});

describe('bitnet list and rm', () => {
  beforeEach(() => {
    mkdirSync(folder(), { recursive: true });
    for (const [name, bytes] of [
      ['long-name.gguf', 2 ** 21],
      ['b.gguf', 10],
      ['c.gguf.0123456789abcdef.part', 1024],
    ] as const) {
      writeFileSync(`${folder()}/${name}`, Buffer.alloc(bytes));
      const noon = new Date(2026, 10, 24, 12);
      utimesSync(`${folder()}/${name}`, noon, noon);
    }
  });

  test('list names, sizes and days', async () => {
    expect(await bitnet(['list'])).toEqual({
      code: 0,
      stdout: [
        'o/r/b.gguf          10 bytes  2026-11-24',
        'o/r/c.gguf           1.0 KiB  2026-11-24  incomplete',
        'o/r/long-name.gguf   2.0 MiB  2026-11-24',
        '',
      ].join('\n'),
      stderr: '',
    });
    expect(JSON.parse((await bitnet(['list', '--json'])).stdout).models[0]).toEqual({
      name: 'o/r/b.gguf',
      path: `${folder()}/b.gguf`,
      files: [`${folder()}/b.gguf`],
      bytes: 10,
      pulled: new Date(2026, 10, 24, 12).toISOString(),
      complete: true,
    });
  });

  test('remove what is listed, and nothing else', async () => {
    expect(await bitnet(['rm', 'b', 'c'])).toEqual({
      code: 0,
      stdout: '',
      stderr: 'Removed o/r/b.gguf: 10 bytes\nRemoved o/r/c.gguf: 1.0 KiB\n',
    });
    const other = await bitnet(['rm', `${folder()}/long-name.gguf`]);
    expect(other).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('there are "o/r/long-name.gguf".'),
    });
    const json = await bitnet(['rm', '--json', 'long-name']);
    expect(json.stderr).toBe('');
    expect(JSON.parse(json.stdout)).toMatchObject({ removed: [{ name: 'o/r/long-name.gguf' }] });
    expect((await bitnet(['rm'])).code).toBe(2);
  });
});
