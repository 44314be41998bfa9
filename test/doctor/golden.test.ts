import {
  copyFileSync,
  mkdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type GoldenCheck, goldenChecks } from '../../lib/doctor/golden.js';
import { openGolden } from '../../lib/doctor/golden-files.js';
import { rejection } from '../api/tiny.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { tinyModel } from '../fixtures/tiny-model.js';
import { goldenPath } from '../reference/golden-files.js';
import { describeShared, sharedPath } from '../shared.js';

const temp = tempFolder();

async function checked(path: string): Promise<GoldenCheck[]> {
  const checks: GoldenCheck[] = [];
  for await (const check of goldenChecks(await openGolden(path))) checks.push(check);
  return checks;
}

/** A folder of one model, hunyuan-dense, whose files may be changed. */
async function folderOf(name: string, change?: (path: (file: string) => string) => unknown) {
  const folder = temp(name);
  mkdirSync(folder);
  for (const file of [
    'hunyuan-dense-q2_0.gguf',
    'tokens-hunyuan-dense.txt',
    'logits-numpy-hunyuan-dense-tok8-kv16.bin',
  ]) {
    copyFileSync(goldenPath(`graphs/${file}`), join(folder, file));
  }
  await change?.((file) => join(folder, file));
  return folder;
}

const logits = 'logits-numpy-hunyuan-dense-tok8-kv16.bin';

describe('golden files', () => {
  it('of the repository are as the engine computes them', async () => {
    const checks = await checked(goldenPath('graphs'));
    const file = (name: string) => `logits-numpy-${name}.bin`;
    expect(checks).toMatchObject([
      { model: 'hunyuan-dense-q2_0.gguf', logits, message: null },
      { model: 'minicpm-longrope-tq2_0.gguf', logits: file('minicpm-longrope-tok8-kv16') },
      // Two roundings in the middle between two codes, at positions 2 and 16 (test/engine/golden-graphs.test.ts).
      {
        ...{ logits: file('minicpm-longrope-short-tok8-kv16') },
        message: expect.stringMatching(/, but \d+ % .* are nearer: a rounding fell the other way/),
      },
      { model: 'olmo-f16.gguf', logits: file('olmo-none-kv16'), message: null },
    ]);
    for (const { status, rms, agreeing } of checks) {
      expect({ status, close: rms! > 0 && rms! < 0.01 && agreeing! > 0.3 }).toEqual({
        ...{ status: 'ok', close: true },
      });
    }
  });

  it('that are others fail, at all positions or at one', async () => {
    const all = await folderOf('all', (path) => {
      const numbers = new Float32Array(new Uint8Array(readFileSync(path(logits))).buffer);
      writeFileSync(
        path(logits),
        numbers.map((x) => x * 1.0001),
      );
    });
    expect(await checked(all)).toMatchObject([
      { status: 'fail', message: expect.stringMatching(/^median 1\.0e-4, more than 1e-5$/) },
    ]);
    const one = await folderOf('one', (path) => {
      const numbers = new Float32Array(new Uint8Array(readFileSync(path(logits))).buffer);
      writeFileSync(
        path(logits),
        numbers.map((x, i) => (i < 512 ? -x : x)),
      );
    });
    expect(await checked(one)).toMatchObject([
      { status: 'fail', message: expect.stringMatching(/^rms \de?\.?\S*, more than 2e-2$/) },
    ]);
    const none = await folderOf('none', (path) => {
      writeFileSync(path(logits), new Float32Array(48 * 512).fill(Number.NaN));
    });
    expect(await checked(none)).toMatchObject([{ status: 'fail', rms: Number.NaN }]);
  });

  it('of a graph that is not known are listed', async () => {
    const folder = await folderOf('unknown', async (path) => {
      rmSync(path('hunyuan-dense-q2_0.gguf'));
      const model = tinyModel();
      model.metadata.set('general.architecture', { type: 'string', value: 'gpt9' });
      await model.write(path('gpt9-f16.gguf'));
    });
    expect(await checked(folder)).toEqual([
      {
        ...{ model: 'gpt9-f16.gguf', architecture: 'gpt9', logits: null, status: 'unsupported' },
        ...{ rms: null, median: null, agreeing: null },
        message: 'models of architecture gpt9 cannot run yet',
      },
    ]);
  });

  it.each<[string, string, (path: (file: string) => string) => unknown]>([
    ['no tokens', 'but there is no such file', (path) => rmSync(path('tokens-hunyuan-dense.txt'))],
    [
      'empty tokens',
      'but it is empty',
      (path) => writeFileSync(path('tokens-hunyuan-dense.txt'), ' '),
    ],
    [
      'a token that is not in the vocabulary',
      'token ids from 0 to 511, separated by spaces, in ".*", but found "512"',
      (path) => writeFileSync(path('tokens-hunyuan-dense.txt'), '1 512'),
    ],
    ['no logits', 'but there is no such file', (path) => rmSync(path(logits))],
    [
      'logits of another size',
      '98304 bytes, 48 × 512 numbers, in ".*", but found 8',
      (path) => writeFileSync(path(logits), new Float32Array(2)),
    ],
    [
      'a folder for logits',
      'but it is a folder; remove it, or put the file there',
      (path) => {
        rmSync(path(logits));
        mkdirSync(path(logits));
      },
    ],
    [
      'more logits than can be read at once',
      'Expected at most 2147483648 bytes of logits, but ".*" would have 2147485696; give fewer',
      (path) => {
        writeFileSync(path('tokens-hunyuan-dense.txt'), '1 '.repeat(2 ** 20 + 1));
        truncateSync(path(logits), 2 ** 31 + 2048); // takes no space
      },
    ],
    [
      'a model that is none',
      'ERR_BITNET_GGUF: Expected ',
      (path) => writeFileSync(path('hunyuan-dense-q2_0.gguf'), 'GGUF'),
    ],
  ])('with %s fail in a sentence', async (title, sentence, change) => {
    const [check, ...others] = await checked(await folderOf(title, change));
    expect(check).toMatchObject({ status: 'fail', rms: null });
    expect(check!.message).toMatch(new RegExp(sentence));
    expect(others).toEqual([]);
  });

  it('are not looked for where there is no folder, or one without models', async () => {
    mkdirSync(temp('empty'));
    writeFileSync(temp('file'), '');
    for (const [name, why] of [
      ['missing', 'but there is none; check the path.'],
      ['file', 'but the system answered "ENOTDIR: not a directory"; check the path.'],
      ['empty', 'but it has none; check the path.'],
    ] as const) {
      expect(await rejection(openGolden(temp(name)))).toMatchObject({
        code: 'ERR_BITNET_FILE',
        message: expect.stringContaining(`"${temp(name)}", ${why}`),
      });
    }
  });
});

describeShared('golden files of all graphs', () => {
  it('are as the engine computes them, where it knows the graph', {
    timeout: 120_000,
  }, async () => {
    const checks = await checked(sharedPath('golden/graphs'));
    expect(checks.filter(({ status }) => status === 'fail')).toEqual([]);
  });
});
