import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { cpuInfo } from '../../lib/index.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { bitnet } from './bitnet.js';

const temp = tempFolder();
const path = temp('model.gguf');
const env = { XDG_CACHE_HOME: temp('cache') };
const cache = join(env.XDG_CACHE_HOME, 'bitnet', 'kernels.json');
const generation = ['-p', 'a', '-n', '2', '--temp', '0'];
beforeAll(() => tinyModel({ arch: 'llama', dim: 512, ffnDim: 4096, nLayer: 2 }).write(path));

const kernels = cpuInfo().kernels.filter(({ usable, isa }) => usable && isa !== 'scalar');

describe.skipIf(kernels.length < 2)('measured kernels', () => {
  test('are not looked for with --no-autotune or --kernel', async () => {
    for (const option of [['--no-autotune'], ['--kernel', 'scalar']]) {
      const args = ['run', path, ...generation, '--verbose', ...option];
      const { code, stderr } = await bitnet(args, { env });
      expect(code).toBe(0);
      expect(stderr).not.toMatch(/^tuned/m);
      expect(existsSync(cache)).toBe(false);
    }
    const bench = ['bench', path, '-p', '0', '-n', '1', '-r', '1', '-t', '1', '--no-autotune'];
    const { stdout } = await bitnet([...bench, '--json'], { env });
    expect(JSON.parse(stdout)).toMatchObject({ results: [{ tuning: [] }] });
    expect(existsSync(cache)).toBe(false);
    expect((await bitnet(['inspect', path], { env })).stdout).not.toContain('Measured kernels');
  });

  test('are shown by run, and afterwards by inspect', async () => {
    let stderr = '';
    while (!stderr.includes('4096 × 512')) {
      ({ stderr } = await bitnet(['run', path, ...generation, '--verbose'], { env }));
    }
    expect(stderr).toMatch(/^tuned +4096 × 512: \S+ \(Gweights\/s: \S+ [\d.]+(, \S+ [\d.]+)+\)$/m);
    const shape = { rows: 4096, cols: 512, kernel: expect.any(String), timings: expect.any(Array) };
    for (const command of [
      ['run', path, ...generation],
      ['inspect', path],
    ]) {
      const { stdout } = await bitnet([...command, '--json'], { env });
      expect(JSON.parse(stdout).tuning).toContainEqual(shape);
    }
    const { stdout } = await bitnet(['inspect', path], { env });
    expect(stdout).toMatch(/^Measured kernels$[\s\S]*^ {2}4096 × 512: \S+ \(Gweights/m);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(80);
    const forced = await bitnet(['inspect', path, '--kernel', 'scalar'], { env });
    expect(forced.stdout).not.toContain('Measured kernels');
  });
});
