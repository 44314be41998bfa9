import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, it } from 'vitest';
import { packageRoot } from '../../lib/package-root.js';

const folder = join(packageRoot, 'bench/checkperf');
const paired = import(pathToFileURL(join(folder, 'paired.mjs')).href);

describe('the interval of paired ratios', () => {
  it('is that of the sign test: of 15 from the 4th smallest to the 4th largest, which covers 96.5 %', async () => {
    const { coverageOf, medianOf } = await paired;
    const ratios = [15, 1, 14, 2, 13, 3, 12, 4, 11, 5, 10, 6, 9, 7, 8];
    expect(medianOf(ratios)).toEqual({ median: 8, interval: [4, 12] });
    expect(coverageOf(15)).toBeCloseTo(0.9648, 4);
  });

  it('is the whole range of 6 ratios, and their median is between the middle two', async () => {
    const { coverageOf, medianOf } = await paired;
    expect(medianOf([6, 5, 4, 3, 2, 1])).toEqual({ median: 3.5, interval: [1, 6] });
    expect(coverageOf(6)).toBeCloseTo(0.96875, 10);
  });

  it('is not there below 6', async () => {
    const { coverageOf, medianOf } = await paired;
    expect(medianOf([3, 1])).toEqual({ median: 2, interval: null });
    expect(coverageOf(5)).toBeNull();
  });
});

describe('checkperf', () => {
  it.each([
    [[], 'Expected one git revision or folder of a checkout to compare with, got 0.'],
    [['HEAD', '--rounds', '0'], 'Expected --rounds to be an integer from 1 to 1000, got "0".'],
    [['HEAD', '--only', 'heads'], 'Expected --only to be kernels or models, got "heads".'],
    [['no-such-revision'], 'Expected a git revision or the folder of a checkout'],
  ])('refuses %j in one sentence, with exit code 2', (args, sentence) => {
    const script = join(folder, 'checkperf.mjs');
    const { status, stdout, stderr } = spawnSync(process.execPath, [script, ...args], {
      encoding: 'utf8',
    });
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' });
    expect(stderr).toContain(sentence);
  });
});
