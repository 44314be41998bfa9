import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { tempFolder } from '../fixtures/temp-folder.js';
import { bitnetPath } from './bitnet.js';

const file = tempFolder();
const { PATH } = process.env;

/** Runs the command with nothing in the environment but what is given, and as another user where we may. */
function bitnet(args: readonly string[], env: Readonly<Record<string, string>>, uid?: number) {
  const run = spawnSync(process.execPath, [bitnetPath, ...args], {
    encoding: 'utf8',
    env: { PATH, ...env },
    cwd: '/',
    ...(uid !== undefined && { uid, gid: uid }),
  });
  return { code: run.status, stdout: run.stdout, stderr: run.stderr };
}

/** Whether this user may act as others: only root finds out what an account without a home sees. */
const root = process.getuid?.() === 0;
const noAccount = 54_321;

describe.skipIf(!root)('a user id without an account and without HOME', () => {
  test('has no pulled models', () => {
    for (const env of [{}, { HOME: '' }, { HOME: '', BITNET_CACHE: '', XDG_CACHE_HOME: '' }]) {
      const list = bitnet(['list', '--json'], env as Record<string, string>, noAccount);
      expect(list).toMatchObject({ code: 0, stderr: '' });
      expect(JSON.parse(list.stdout)).toEqual({ folder: null, models: [] });
    }
  });

  test('runs the embedded model', () => {
    const run = bitnet(['run', '-p', 'Once upon', '-n', '2', '--temp', '0'], {}, noAccount);
    expect(run).toMatchObject({ code: 0, stdout: ' a time\n' });
  });

  test('is told by pull what to set', () => {
    const pull = bitnet(['pull', 'owner/repo/model.gguf'], {}, noAccount);
    expect(pull.code).toBe(1);
    expect(pull.stderr).toBe(
      'error: Expected a folder to keep models in, but there is no home folder; set BITNET_CACHE to a folder that can be written, or name a file with -o (option output).\n',
    );
  });

  test('gets on with a home folder that cannot be written', () => {
    mkdirSync(file('home'), { mode: 0o755 });
    const env = { HOME: file('home') };
    expect(bitnet(['list'], env, noAccount)).toMatchObject({ code: 0, stdout: '' });
    const pull = bitnet(['pull', 'owner/repo/model.gguf'], env, noAccount);
    expect(pull.stderr).toMatch(
      /permission is denied; .* or choose another with -o or BITNET_CACHE/,
    );
    expect(readdirSync(file('home'))).toEqual([]);
  });
});
