import { writeFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import type { GgufNumbers, GgufStrings } from '../../lib/gguf/array.js';
import { readGguf } from '../../lib/gguf/reader.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import {
  array,
  entry,
  f32,
  f64,
  id,
  info,
  type RawFile,
  rawFile,
  str,
  u8,
  u16,
  u32,
  u64,
} from './raw-file.js';

const temp = tempFolder();

async function read(file: RawFile | Buffer) {
  const path = temp('model.gguf');
  await writeFile(path, Buffer.isBuffer(file) ? file : rawFile(file));
  return readGguf(path);
}

describe('readGguf', () => {
  it('reads the smallest file: 24 bytes, no metadata, no tensors', async () => {
    const bytes = Buffer.from(`4747554603000000${'00'.repeat(16)}`, 'hex');
    expect(await read(bytes)).toEqual({
      path: temp('model.gguf'),
      size: 24,
      version: 3,
      alignment: 32,
      dataStart: 32,
      metadata: new Map(),
      valueTypes: new Map(),
      tensors: [],
      stamp: {
        path: temp('model.gguf'),
        size: 24,
        mtimeNs: expect.any(BigInt),
        ino: expect.any(BigInt),
      },
    });
  });

  it('reads version 2, which has the same layout', async () => {
    expect((await read({ version: 2 })).version).toBe(2);
  });

  it('reads the alignment entry as it stands in a file', async () => {
    const bytes = `11000000000000${'00'}${Buffer.from('general.alignment').toString('hex')}0400000020000000`;
    const { alignment, metadata } = await read({ entries: [Buffer.from(bytes, 'hex')] });
    expect(alignment).toBe(32);
    expect(metadata.get('general.alignment')).toBe(32);
  });

  it('reads a scalar of every type', async () => {
    const scalars: [keyof typeof id, Buffer, unknown][] = [
      ['u8', u8(200), 200],
      ['i8', u8(200), -56],
      ['u16', u16(65535), 65535],
      ['i16', u16(65535), -1],
      ['u32', u32(0xfffffffe), 0xfffffffe],
      ['i32', u32(0xfffffffe), -2],
      ['f32', f32(1.5), 1.5],
      ['bool', u8(0), false],
      ['bool', u8(1), true],
      ['bool', u8(2), true],
      ['string', str('é and \u0000'), 'é and \u0000'],
      ['u64', u64(2n ** 53n - 1n), 2 ** 53 - 1],
      ['u64', u64(2n ** 53n), 2n ** 53n],
      ['i64', u64(2n ** 64n - 5n), -5],
      ['i64', u64(2n ** 63n), -(2n ** 63n)],
      ['f64', f64(-1e300), -1e300],
    ];
    const entries = scalars.map(([type, bytes], i) => entry(`key ${i}`, id[type], bytes));
    const { metadata, valueTypes } = await read({ entries });
    expect([...metadata.values()]).toEqual(scalars.map(([, , value]) => value));
    expect([...valueTypes.values()]).toEqual(scalars.map(([type]) => type));
  });

  it('reads an array of every type', async () => {
    const arrays: [keyof typeof id, Buffer[], unknown[], unknown][] = [
      ['u8', [u8(1), u8(255)], [1, 255], Uint8Array],
      ['i8', [u8(1), u8(255)], [1, -1], Int8Array],
      ['u16', [u16(1), u16(65535)], [1, 65535], Uint16Array],
      ['i16', [u16(1), u16(65535)], [1, -1], Int16Array],
      ['u32', [u32(1), u32(2 ** 32 - 1)], [1, 2 ** 32 - 1], Uint32Array],
      ['i32', [u32(1), u32(2 ** 32 - 1)], [1, -1], Int32Array],
      ['f32', [f32(0.5), f32(-1)], [0.5, -1], Float32Array],
      ['bool', [u8(0), u8(3)], [false, true], Uint8Array],
      ['u64', [u64(7), u64(2n ** 64n - 1n)], [7, 2n ** 64n - 1n], BigUint64Array],
      ['i64', [u64(7), u64(2n ** 64n - 1n)], [7, -1], BigInt64Array],
      ['f64', [f64(0.1), f64(1e-300)], [0.1, 1e-300], Float64Array],
    ];
    const entries = arrays.map(([type, elements], i) =>
      // One byte more in front each time, so that elements stand at every alignment.
      entry('k'.repeat(i + 1), id.array, array(id[type], elements.length, ...elements)),
    );
    const { metadata } = await read({ entries });
    for (const [i, [type, , values, expected]] of arrays.entries()) {
      const actual = metadata.get('k'.repeat(i + 1)) as GgufNumbers;
      expect(actual.elementType).toBe(type);
      expect(actual.length).toBe(2);
      expect(actual.values).toBeInstanceOf(expected);
      expect(actual.toArray()).toEqual(values);
      expect(actual.get(1)).toBe(values[1]);
    }
  });

  it('keeps strings of an array as bytes and decodes them when asked', async () => {
    const texts = [str('hello'), str(''), str(Buffer.of(0xff, 0xc3)), str('é')];
    const { metadata } = await read({
      entries: [entry('tokens', id.array, array(id.string, 4, ...texts))],
    });
    const tokens = metadata.get('tokens') as GgufStrings;
    expect(tokens.elementType).toBe('string');
    expect(tokens.length).toBe(4);
    expect([...tokens.bytes(2)]).toEqual([0xff, 0xc3]);
    expect(tokens.string(3)).toBe('é');
    expect(tokens.toArray()).toEqual(['hello', '', '\ufffd\ufffd', 'é']);
  });

  it('reads empty arrays', async () => {
    const { metadata } = await read({
      entries: [entry('a', id.array, array(id.string, 0)), entry('b', id.array, array(id.f32, 0))],
    });
    expect([...metadata.values()].map((value) => (value as GgufNumbers).toArray())).toEqual([
      [],
      [],
    ]);
  });

  it('takes keys such as __proto__ for ordinary keys', async () => {
    const { metadata } = await read({ entries: [entry('__proto__', id.u8, u8(1))] });
    expect(metadata.get('__proto__')).toBe(1);
    expect(metadata.get('constructor')).toBeUndefined();
  });

  it('reads strings and arrays that are longer than a read', async () => {
    const text = `\ufeff${'é'.repeat(800_000)}`;
    const numbers = Buffer.from(Uint32Array.from({ length: 400_000 }, (_, i) => i * i).buffer);
    const pieces = Array.from({ length: 100_000 }, (_, i) => `piece ${i}`.repeat(1 + (i % 5)));
    const { metadata } = await read({
      entries: [
        entry('text', id.string, str(text)),
        entry('numbers', id.array, array(id.u32, 400_000, numbers)),
        entry('pieces', id.array, array(id.string, pieces.length, ...pieces.map((p) => str(p)))),
        entry('last', id.u8, u8(9)),
      ],
    });
    expect(metadata.get('text') === text).toBe(true);
    expect((metadata.get('numbers') as GgufNumbers).get(399_999)).toBe(
      (399_999 * 399_999) % 2 ** 32,
    );
    expect((metadata.get('pieces') as GgufStrings).toArray()).toEqual(pieces);
    expect(metadata.get('last')).toBe(9);
  });

  it('places tensors by offset from the aligned end of the directory', async () => {
    const infos = [info('b', [4, 2], 0, 32), info('a', [8], 1, 0), info('c', [], 24, 64)];
    const file = await read({ infos, data: Buffer.alloc(65) });
    expect(file.dataStart % 32).toBe(0);
    expect(file.tensors).toEqual([
      { name: 'b', dims: [4, 2], typeId: 0, type: 'F32', offset: file.dataStart + 32, bytes: 32 },
      { name: 'a', dims: [8], typeId: 1, type: 'F16', offset: file.dataStart, bytes: 16 },
      { name: 'c', dims: [], typeId: 24, type: 'I8', offset: file.dataStart + 64, bytes: 1 },
    ]);
  });

  it.each([1, 8, 64, 4096, 16 * 1024 * 1024])('accepts an alignment of %d', async (alignment) => {
    const entries = [entry('general.alignment', id.u32, u32(alignment))];
    const infos = [info('a', [1], 0, 0), info('b', [1], 0, Math.max(alignment, 4))];
    const data = Buffer.alloc(Math.max(alignment, 4) + 4);
    const file = await read({ entries, infos, alignment, data });
    expect(file.alignment).toBe(alignment);
    expect(file.dataStart % alignment).toBe(0);
  });

  it('accepts gaps between tensors, bytes after the last one, and a missing final padding', async () => {
    const infos = [info('a', [1], 0, 64), info('b', [1], 0, 256)];
    expect((await read({ infos, data: Buffer.alloc(260) })).tensors).toHaveLength(2);
    expect((await read({ infos, data: Buffer.alloc(1000) })).tensors).toHaveLength(2);
  });

  it('accepts an empty tensor at the offset of the next one', async () => {
    const infos = [info('a', [8], 0, 0), info('b', [0, 3], 0, 0)];
    const { tensors } = await read({ infos, data: Buffer.alloc(32) });
    expect(tensors.map(({ bytes }) => bytes)).toEqual([32, 0]);
  });

  it('holds only the header of a large file', async () => {
    const { open } = await import('node:fs/promises');
    const path = temp('large.gguf');
    const cols = 2 ** 30;
    await writeFile(path, rawFile({ infos: [info('a', [cols, 3], 0, 0)], data: Buffer.alloc(0) }));
    const handle = await open(path, 'r+');
    await handle.truncate(12 * cols + 96);
    await handle.close();
    const before = process.memoryUsage().rss;
    const { tensors } = await readGguf(path);
    expect(process.memoryUsage().rss - before).toBeLessThan(64 * 2 ** 20);
    expect(tensors[0]).toMatchObject({ bytes: 12 * cols, offset: 96 });
  });
});
