import { mkdirSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { BitnetError } from '../../lib/errors.js';
import { openCheckpoint } from '../../lib/safetensors/checkpoint.js';
import { type Dtype, dtypeBits } from '../../lib/safetensors/dtypes.js';
import { readRows, readTensor } from '../../lib/safetensors/read-tensor.js';
import { toFloat32 } from '../../lib/safetensors/to-float32.js';
import type { SafetensorsTensor } from '../../lib/safetensors/types.js';
import { random } from '../fixtures/random.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { awkwardIntegers, awkwardTexts, type Draw, drawing } from '../fuzz/draw.js';
import { rawFile } from './raw-file.js';

const temp = tempFolder();
const mutants = 600;

/** A sound file: header text and data. */
function soundFile(draw: Draw): { header: string; data: Buffer } {
  const header: Record<string, unknown> = {};
  if (draw.chance(0.5)) header.__metadata__ = { format: 'pt', note: draw.of(awkwardTexts) };
  let end = 0;
  for (let i = draw.integer(0, 4); i > 0; i--) {
    const dtype = draw.of(Object.keys(dtypeBits) as Dtype[]);
    const shape = Array.from({ length: draw.integer(0, 3) }, () => draw.integer(0, 3));
    if (dtypeBits[dtype] < 8) shape.push(4);
    const begin = end;
    end += (shape.reduce((product, dim) => product * dim, 1) * dtypeBits[dtype]) / 8;
    header[`t.${i}.weight`] = { dtype, shape, data_offsets: [begin, end] };
  }
  const data = Buffer.from(Array.from({ length: end }, () => draw.integer(0, 255)));
  return { header: JSON.stringify(header), data };
}

/** Names, numbers and marks of a JSON text, in order. */
const tokens = (text: string) => text.match(/"(?:[^"\\]|\\.)*"|-?[\d.]+|[\s\S]/g) ?? [];

const edits: readonly ((list: string[], at: number, draw: Draw) => void)[] = [
  (list, at) => list.splice(at, 1),
  (list, at) => list.splice(at, 0, list[at]!),
  (list, at, draw) => list.splice(at, 1, list[draw.integer(0, list.length - 1)]!),
  (list, at, draw) => list.splice(at, 1, JSON.stringify(draw.of(awkwardTexts))),
  (list, at, draw) => list.splice(at, 1, `${draw.of(awkwardIntegers)}`),
  (list, at, draw) =>
    list.splice(at, 1, draw.of(['-1', '1e9', '0.5', 'null', '18446744073709551615'])),
  (list, at, draw) =>
    list.splice(at, 0, draw.of([' ', '\n', '\0', '[', ']', '{', '}', ',', ':', '"'])),
  (list, at, draw) => {
    const numbers = [...list.keys()].filter((i) => /^\d/.test(list[i]!));
    const chosen = numbers.length > 0 ? draw.of(numbers) : at;
    list[chosen] = `${Number(list[chosen]) + draw.of([-1, 1])}`;
  },
];

function changedText(text: string, draw: Draw): string {
  const list = tokens(text);
  for (let i = draw.integer(0, 2); i > 0 && list.length > 0; i--) {
    draw.of(edits)(list, draw.integer(0, list.length - 1), draw);
  }
  return list.join('');
}

function changedBytes(file: Buffer, draw: Draw): Buffer {
  if (draw.chance(0.7)) return file;
  if (draw.chance(0.3)) return file.subarray(0, draw.integer(0, file.length - 1));
  if (draw.chance(0.3)) return Buffer.concat([file, Buffer.alloc(draw.integer(1, 9))]);
  const bytes = Buffer.from(file);
  bytes[draw.chance(0.3) ? draw.integer(0, 7) : draw.integer(0, file.length - 1)] = draw.integer(
    0,
    255,
  );
  return bytes;
}

/** 'read', or the code of what a checkpoint or one of its tensors is refused with. */
async function outcomeOf(work: () => Promise<unknown>): Promise<string> {
  try {
    await work();
    return 'read';
  } catch (error) {
    return error instanceof BitnetError ? error.code : `${(error as Error).stack}`;
  }
}

/** Reads a tensor in all ways; they must give the same bytes. */
async function use(tensor: SafetensorsTensor): Promise<void> {
  const bytes = await readTensor(tensor);
  const pieces: Buffer[] = [];
  for await (const rows of readRows(tensor, { pieceBytes: 8 })) pieces.push(rows.bytes);
  expect(Buffer.concat(pieces)).toEqual(bytes);
  toFloat32(tensor, bytes);
}

describe('A safetensors file of changed structure', () => {
  it(`is refused or says what JSON.parse says, ${mutants} times`, async () => {
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= mutants; seed++) {
      const draw = drawing(random(seed));
      const { header, data } = soundFile(draw);
      const file = changedBytes(rawFile(changedText(header, draw), data), draw);
      const path = temp('mutant.safetensors');
      await writeFile(path, file);
      const outcome = await outcomeOf(async () => {
        const tensors = await openCheckpoint(path);
        expect(shapesOf(tensors.values()), `mutant ${seed}`).toEqual(parsedShapes(file));
        for (const tensor of tensors.values()) {
          const used = await outcomeOf(() => use(tensor));
          expect(used, `mutant ${seed}`).toMatch(/^(?:read|ERR_BITNET_TYPE)$/);
        }
      });
      expect(outcome, `mutant ${seed}`).toMatch(/^(?:read|ERR_BITNET_SAFETENSORS)$/);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    for (const count of outcomes.values()) expect(count).toBeGreaterThan(0.25 * mutants);
    expect(outcomes.size).toBe(2);
  });
});

type Shapes = Record<string, [dtype: string, shape: readonly number[]]>;

function shapesOf(tensors: Iterable<SafetensorsTensor>): Shapes {
  return Object.fromEntries([...tensors].map(({ name, dtype, shape }) => [name, [dtype, shape]]));
}

function parsedShapes(file: Buffer): Shapes {
  const header = file.toString('utf8', 8, 8 + file.readUInt32LE());
  const { __metadata__, ...entries } = JSON.parse(header) as Record<string, SafetensorsTensor>;
  return shapesOf(Object.entries(entries).map(([name, entry]) => ({ ...entry, name })));
}

describe('An index of changed structure', () => {
  it(`is refused or leads to tensors of its folder, ${mutants} times`, async () => {
    const folder = temp('sharded');
    mkdirSync(folder);
    const names = ['a.safetensors', 'b.safetensors'];
    for (const [i, name] of names.entries()) {
      const header = { [`t${i}`]: { dtype: 'U8', shape: [], data_offsets: [0, 1] } };
      await writeFile(join(folder, name), rawFile(header, Uint8Array.of(i)));
    }
    const index = JSON.stringify({
      metadata: { total_size: 2 },
      weight_map: { t0: names[0], t1: names[1] },
    });
    const path = join(folder, 'model.safetensors.index.json');
    const outcomes = new Map<string, number>();
    for (let seed = 1; seed <= mutants; seed++) {
      const draw = drawing(random(seed));
      await writeFile(path, changedBytes(Buffer.from(changedText(index, draw)), draw));
      const outcome = await outcomeOf(async () => {
        for (const [name, { file }] of await openCheckpoint(folder)) {
          expect(names.map((shard) => join(folder, shard))).toContain(file.path);
          expect(name).toMatch(/^t[01]$/);
        }
      });
      expect(outcome, `mutant ${seed}`).toMatch(/^(?:read|ERR_BITNET_(?:SAFETENSORS|FILE))$/);
      outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
    }
    expect(outcomes.get('read')).toBeGreaterThan(0.2 * mutants);
    expect(outcomes.get('ERR_BITNET_SAFETENSORS')).toBeGreaterThan(0.2 * mutants);
  });
});
