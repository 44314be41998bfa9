import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet, finished, start } from './bitnet.js';

const file = tempFolder();
const small = ['synth', '--shape', '700m', '--layers', '1'];

describe('bitnet synth', () => {
  test('writes a model that runs, and says what it wrote on stderr', async () => {
    const path = file('model.gguf');
    expect(await bitnet([...small, '-o', path])).toEqual({
      code: 0,
      stdout: '',
      stderr: `${path}: 700m, 1 layer, i2_s, 101.3 MiB\n`,
    });
    const run = await bitnet(['run', path, '-p', 'Hello', '-n', '2', '--json']);
    expect(JSON.parse(run.stdout)).toMatchObject({ usage: { completionTokens: 2 } });
  });

  test('prints the gates it closed, layer by layer, as text or as JSON', async () => {
    const path = file('sparse.gguf');
    const options = ['--activation-sparsity', '0.8', '-o', path];
    const text = await bitnet([...small, ...options]);
    expect(text.code).toBe(0);
    const [, percent] = /^layer 0: (\d+\.\d) % of the neurons inactive$/m.exec(text.stderr) ?? [];
    expect(Math.abs(Number(percent) - 80)).toBeLessThanOrEqual(2);
    const json = await bitnet([...small, ...options, '--force', '--json']);
    expect(json).toMatchObject({ code: 0, stderr: '' });
    const { inactiveNeurons, ...rest } = JSON.parse(json.stdout);
    expect(rest).toMatchObject({ path, format: 'i2_s', seed: 0, shape: { nLayer: 1 } });
    expect((100 * inactiveNeurons[0]).toFixed(1)).toBe(percent);
  });

  test('refuses to replace a file without --force', async () => {
    const path = file('there.gguf');
    writeFileSync(path, 'precious');
    const { code, stderr } = await bitnet([...small, '-o', path]);
    expect(code).toBe(1);
    expect(stderr).toBe(
      `error: Expected no file at "${path}", but there is one; choose another name, or allow it to be replaced (--force).\n`,
    );
    expect(readFileSync(path, 'utf8')).toBe('precious');
  });

  test('after Ctrl-C leaves nothing behind and exits with 130', async () => {
    const path = file('interrupted.gguf');
    const child = start(['synth', '--shape', '7b', '-o', path]);
    const begun = () =>
      readdirSync(dirname(path)).some((name) => name.startsWith('interrupted.gguf.'));
    await vi.waitUntil(begun, { timeout: 240_000 });
    child.kill('SIGINT');
    const { code } = await finished(child);
    expect(code).toBe(130);
    const left = readdirSync(dirname(path)).filter((name) => name.startsWith('interrupted'));
    expect(left).toEqual([]);
  });

  test.skipIf(process.platform === 'win32').each([
    ['SIGTERM', 143],
    ['SIGHUP', 129],
  ] as const)('after %s leaves nothing behind and exits with %i', async (signal, code) => {
    const path = file(`${signal}.gguf`);
    const child = start(['synth', '--shape', '7b', '-o', path, '--activation-sparsity', '0.8']);
    const begun = () => readdirSync(dirname(path)).some((name) => name.startsWith(`${signal}.`));
    await vi.waitUntil(begun, { timeout: 240_000 });
    child.kill(signal);
    expect((await finished(child)).code).toBe(code);
    expect(readdirSync(dirname(path)).filter((name) => name.startsWith(signal))).toEqual([]);
  });

  test.skipIf(process.platform === 'win32')(
    'replaces no device or pipe, even with --force',
    async () => {
      const pipe = file('pipe');
      execFileSync('mkfifo', [pipe]);
      for (const [path, what] of [
        [pipe, 'a pipe'],
        ['/dev/null', 'a device'],
      ] as const) {
        const { code, stderr } = await bitnet([...small, '-o', path, '--force']);
        expect(code).toBe(1);
        expect(stderr).toContain(`"${path}" is ${what}; choose another name.`);
        expect(statSync(path).isFile()).toBe(false);
      }
    },
  );

  test.each([
    [[...small, '-o', '-'], 'which stands for standard output'],
    [['synth', '-o', 'x.gguf'], "required option '--shape <name>' not specified"],
    [['synth', '--shape', '700m'], "required option '-o, --output <file>' not specified"],
    [
      ['synth', '--shape', '8b', '-o', 'x.gguf'],
      '7b, bitcpm4-8b, bonsai-8b, 13b, bonsai-27b, 30b, 70b, 100b, maple.',
    ],
    [[...small, '-o', 'x', '--format', 'q2_k'], 'Allowed choices are i2_s, tq1_0'],
    [[...small, '-o', 'x', '--activation-sparsity', '1'], 'Expected a number from 0.05 to 0.95.'],
  ])('%j is wrong usage', async (args, message) => {
    const { code, stdout, stderr } = await bitnet(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toContain(message);
    expect(stderr).toContain('usage: bitnet synth [options]\n');
  });
});
