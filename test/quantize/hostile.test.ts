import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { BitnetError, quantizeModel } from '../../lib/index.js';
import { bitnetPath } from '../cli/bitnet.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { mutant } from '../fuzz/mutant.js';

const temp = tempFolder();

it('models of changed structure are written, or refused in a sentence with nothing left', async () => {
  const types = ['i2_s', 'q2_0', 'q4_k_m', 'q8_0'] as const;
  let refused = 0;
  for (let seed = 1; seed <= 16; seed++) {
    const { model, changes } = mutant(seed);
    const made = model.write(temp('mutant.gguf')).then(
      () => true,
      () => false, // a shape that its type cannot hold
    );
    if (!(await made)) continue;
    const type = types[seed % types.length]!;
    const options = { type, force: seed % 3 === 0, allowRounding: true, threads: 2 } as const;
    const error = await quantizeModel(temp('mutant.gguf'), temp('out.gguf'), options).then(
      () => undefined,
      (reason) => reason,
    );
    const left = (await readdir(temp(''))).filter((name) => name.startsWith('out'));
    const told = `mutant ${seed}, ${type}: ${changes.join('; ')}`;
    if (error === undefined) {
      expect([told, left]).toEqual([told, ['out.gguf']]);
      await rm(temp('out.gguf'));
      continue;
    }
    refused++;
    expect([told, error instanceof BitnetError, left]).toEqual([told, true, []]);
  }
  expect(refused).toBeGreaterThan(0);
});

it.skipIf(process.platform === 'win32')('a full disk leaves nothing', async () => {
  const from = temp('whole.gguf');
  await tinyModel({ arch: 'llama', weightType: 'F16', ternaryValues: true }).write(from);
  // A limit on the size of files takes the place of a full disk: the same call fails.
  const limited = `trap '' XFSZ; ulimit -f 100; exec "$0" "$@"`;
  const args = [bitnetPath, 'quantize', from, temp('full.gguf'), '--type', 'i2_s'];
  const { status, stderr } = spawnSync('sh', ['-c', limited, process.execPath, ...args], {
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stderr).toMatch(
    /^error: Expected to write the file ".*full\.gguf", but .* the free space\.$/m,
  );
  expect(readdirSync(temp('')).filter((name) => name.startsWith('full'))).toEqual([]);
});
