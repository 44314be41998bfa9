import { execFile } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnet, finished, plainEnvironment, start, storiesPath } from './bitnet.js';

const file = tempFolder();
const root = resolve(__dirname, '../..');

describe('bitnet doctor', () => {
  test('prints a line for each check on stdout, and what failed', async () => {
    const { code, stdout, stderr } = await bitnet(['doctor']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^ok {4}addon {6}bitnet \d.* Node-API \d+$/);
    expect(stdout).toMatch(/^ok {4}text {7}Once upon a time, there was/m);
    expect(lines.at(-2)).toMatch(/^\d+ ok, \d+ warnings?, 0 failed$/);
  });

  test('exits with 1 where something fails; --json has it all', async () => {
    writeFileSync(file('broken.gguf'), 'GGUFnothing');
    const { code, stdout, stderr } = await bitnet(['doctor', file('broken.gguf')]);
    expect({ code, stderr }).toEqual({ code: 1, stderr: '' });
    expect(stdout).toMatch(/^fail {2}file {7}ERR_BITNET_GGUF: Expected .*broken\.gguf/m);
    expect(stdout).toMatch(/, 1 failed\n$/);

    const json = await bitnet(['doctor', '--json', storiesPath, '--kernel', 'mad2-neverheardof']);
    expect(json.code).toBe(1);
    const { ok, checks } = JSON.parse(json.stdout);
    expect(ok).toBe(false);
    expect(checks).toContainEqual({
      ...{ subject: 'kernels', status: 'fail', remedy: null },
      message: expect.stringContaining('"mad2-neverheardof"'),
    });
  });

  test('works without the compiled addon, and says how to get it', async () => {
    const copy = file('package');
    mkdirSync(copy);
    for (const part of ['dist', 'models', 'package.json']) {
      cpSync(join(root, part), join(copy, part), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
    const run = await new Promise<{ code: unknown; stdout: string }>((done) => {
      const args = [join(copy, 'dist/bin/bitnet.mjs'), 'doctor'];
      execFile(process.execPath, args, { env: plainEnvironment() }, (error, stdout) =>
        done({ code: error?.code ?? 0, stdout }),
      );
    });
    expect(run.code).toBe(1);
    expect(run.stdout).toMatch(
      /^fail {2}addon {6}Expected bitnet's compiled addon .*npm run build/,
    );
    expect(run.stdout).toMatch(/^(ok|warn) +memory /m);
    expect(run.stdout).not.toMatch(/^\w+ +(kernels|file) /m);
  });

  test('--golden compares the models of a folder with their logits', async () => {
    const folder = resolve(__dirname, '../golden/graphs');
    const { code, stdout, stderr } = await bitnet(['doctor', '--golden', folder]);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const lines = stdout.split('\n');
    expect(lines[0]).toMatch(/^ {13}model +rms +median +expected$/);
    expect(lines[1]).toMatch(
      /^ok {11}hunyuan-dense-q2_0\.gguf +\S+e-\d +\S+e-\d +numpy-hunyuan-dense-tok8-kv16$/,
    );
    expect(lines.at(-2)).toBe('4 ok, 0 not supported, 0 failed');

    const both = await bitnet(['doctor', storiesPath, '--golden', folder]);
    expect(both.code).toBe(2);
    expect(both.stderr).toMatch(/Expected a folder with --golden or a model, but received both/);
    const override = await bitnet(['doctor', '--golden', folder, '--i2s-layout', 'arm64']);
    expect([override.code, override.stderr]).toEqual([
      2,
      expect.stringMatching(/Expected no --i2s-layout with --golden, whose models are read/),
    ]);
    const none = await bitnet(['doctor', '--json', '--golden', file('nowhere')]);
    expect(none.code).toBe(1);
  });

  test('interrupted, exits with 130', async () => {
    const child = start(['doctor']);
    const end = finished(child);
    child.stdout.once('data', () => child.kill('SIGINT'));
    expect((await end).code).toBe(130);
  });
});
