import { mkdirSync, writeFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { typeNamed } from '../../../lib/gguf/tensor-types.js';
import {
  parseTlTable,
  presetsWith,
  readTlTable,
  tileFits,
  tlPresets,
} from '../../../lib/model/spec/tl-tables.js';
import { tempFolder } from '../../fixtures/temp-folder.js';

const temp = tempFolder();
const sound = `[Kernels_0]
m = 3200
k = 8640
bm = 160
bk = 64
bmm = 32

# the other shape
[Kernels_1]
M=3200
K: 3200
bm=320
bk=128
bmm=64
threads = 4
`;

const failure = (call: () => unknown) => {
  try {
    call();
  } catch (error) {
    return `${(error as { code?: string }).code}: ${(error as Error).message}`;
  }
  return 'accepted';
};

describe('a kernel_config.ini', () => {
  it('has a tile for each shape', () => {
    const table = parseTlTable('a.ini', sound);
    expect(table.find('TL1', 3200, 8640)).toEqual({ rows: 160, cols: 64, groupRows: 32 });
    expect(table.find('TL1', 3200, 3200)).toEqual({ rows: 320, cols: 128, groupRows: 64 });
    expect(table.find('TL1', 8640, 3200)).toBeUndefined();
  });

  const advice = 'give the kernel_config.ini of the build that wrote the model.';
  const lineAdvice = 'a [section] or, once in each, a line like "bm = 256"';
  it.each([
    ['', `in a.ini to be a section for each matrix shape, but found none; ${advice}`],
    ['m = 1', `in a.ini, line 1, to be ${lineAdvice}, but found "m = 1"; ${advice}`],
    ['[a]\nm = -1', `in a.ini, line 2, to be ${lineAdvice}, but found "m = -1"; ${advice}`],
    ['[a]\nm = 1\nM = 2', `in a.ini, line 3, to be ${lineAdvice}, but found "M = 2"; ${advice}`],
    [
      '[a]\nm = 12345678',
      `in a.ini, line 2, to be ${lineAdvice}, but found "m = 12345678"; ${advice}`,
    ],
    [
      '[a]\n\u001b[31m',
      `in a.ini, line 2, to be ${lineAdvice}, but found "\\u{1b}[31m"; ${advice}`,
    ],
    [
      '[a]\nm = 1\nk = 2\nbm = 3\nbmm = 5',
      `in a.ini to be sections with m, k, bm, bk, bmm, but found no bk in section 1; ${advice}`,
    ],
  ])('with the text %j is refused', (text, sentence) => {
    expect(failure(() => parseTlTable('a.ini', text))).toBe(
      `ERR_BITNET_ARGUMENT: Expected the table of TL tiles ${sentence}`,
    );
  });
});

describe('a table is named by', () => {
  it('a preset or a path, or nothing', async () => {
    writeFileSync(temp('a.ini'), sound);
    expect((await readTlTable(temp('a.ini')))?.find('TL1', 3200, 8640)?.rows).toBe(160);
    expect((await readTlTable('large'))?.find('TL2', 1536, 1536)?.cols).toBe(192);
    expect(await readTlTable(undefined)).toBeUndefined();
  });

  it('nothing else', async () => {
    mkdirSync(temp('folder'));
    writeFileSync(temp('long.ini'), ' '.repeat(64 * 1024 + 1));
    for (const [name, code] of [
      [5, 'ERR_BITNET_ARGUMENT'],
      ['', 'ERR_BITNET_ARGUMENT'],
      [temp('long.ini'), 'ERR_BITNET_ARGUMENT'],
      [temp('nothere.ini'), 'ERR_BITNET_FILE'],
      [temp('folder'), 'ERR_BITNET_FILE'],
      ['constructor', 'ERR_BITNET_FILE'],
    ] as const) {
      await expect(readTlTable(name), String(name)).rejects.toMatchObject({ code });
    }
    await expect(readTlTable('llama3')).rejects.toThrow(
      'Expected the table of TL tiles to be a preset (large, 3b, llama3-8b) or the path of a kernel_config.ini, but there is no readable file at "llama3"; check the name.',
    );
  });
});

describe('presets', () => {
  const shapes: Record<string, [m: number, k: number][]> = {
    large: [
      [1536, 4096],
      [1536, 1536],
      [4096, 1536],
    ],
    '3b': [
      [3200, 8640],
      [3200, 3200],
      [8640, 3200],
    ],
    'llama3-8b': [
      [14336, 4096],
      [4096, 14336],
      [1024, 4096],
      [4096, 4096],
    ],
  };

  it.each(tlPresets)('%s has tiles that fit all its shapes in both types', async (name) => {
    const table = (await readTlTable(name))!;
    for (const type of ['TL1', 'TL2'] as const) {
      for (const [m, k] of shapes[name]!) {
        expect(tileFits(type, m, k, table.find(type, m, k)!), `${type} ${m} × ${k}`).toBe(true);
        expect(presetsWith(type, m, k)).toEqual([name]);
        expect(typeNamed(type)!.bytes(m, k)).toBeGreaterThan((m * k) / 5);
      }
    }
  });

  it('do not have the shapes of the 2B model', () => {
    expect(presetsWith('TL1', 2560, 6912)).toEqual([]);
  });
});
