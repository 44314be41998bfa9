import { appendFile, rename, rm, truncate } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { type ReadOptions, readRows, readTensor } from '../../lib/safetensors/read-tensor.js';
import { readSafetensors } from '../../lib/safetensors/reader.js';
import type { SafetensorsTensor } from '../../lib/safetensors/types.js';
import { tempFolder } from '../fixtures/temp-folder.js';
import { type RawTensor, refusal, writeTensors } from './raw-file.js';

const temp = tempFolder();
const path = temp('a.safetensors');
const pad: RawTensor = { dtype: 'U8', shape: [3], bytes: Uint8Array.of(255, 255, 255) };

async function written(shape: number[], bytes: Uint8Array, dtype = 'U8') {
  await writeTensors(path, { before: pad, t: { dtype, shape, bytes }, after: pad });
  return (await readSafetensors(path)).tensors.get('t')!;
}

async function rowsOf(tensor: SafetensorsTensor, pieceBytes?: number) {
  const pieces: [number, number, number[]][] = [];
  const options = pieceBytes === undefined ? {} : { pieceBytes };
  for await (const { begin, end, bytes } of readRows(tensor, options)) {
    pieces.push([begin, end, [...bytes]]);
  }
  return pieces;
}

const counted = (length: number) => Uint8Array.from({ length }, (_, i) => i);

describe('The data of a tensor', () => {
  it('is what the file has, in memory that a typed array can lie over', async () => {
    const tensor = await written([2, 3], counted(6));
    const bytes = await readTensor(tensor);
    expect([...bytes]).toEqual([0, 1, 2, 3, 4, 5]);
    expect(bytes.byteOffset).toBe(0);
    expect([...(await readTensor(await written([], counted(1))))]).toEqual([0]);
    expect([...(await readTensor(await written([4, 0], counted(0))))]).toEqual([]);
  });

  it('comes in ranges of whole rows', async () => {
    const tensor = await written([2, 2, 2], counted(8));
    expect(await rowsOf(tensor)).toEqual([[0, 4, [0, 1, 2, 3, 4, 5, 6, 7]]]);
    expect(await rowsOf(tensor, 7)).toEqual([
      [0, 3, [0, 1, 2, 3, 4, 5]],
      [3, 4, [6, 7]],
    ]);
    expect(await rowsOf(tensor, 1)).toHaveLength(4);
    expect(await rowsOf(await written([], counted(4), 'F32'), 1)).toEqual([[0, 1, [0, 1, 2, 3]]]);
    expect(await rowsOf(await written([3], counted(3)), 1)).toEqual([[0, 1, [0, 1, 2]]]);
    expect(await rowsOf(await written([4, 0], counted(0)))).toEqual([]);
    expect(await rowsOf(await written([0, 4], counted(0)))).toEqual([]);
  });

  it('comes in rows only where these begin at whole bytes', async () => {
    expect(await rowsOf(await written([2, 2], counted(2), 'F4'), 1)).toHaveLength(2);
    const odd = await written([2, 3], counted(3), 'F4');
    expect([...(await readTensor(odd))]).toEqual([0, 1, 2]);
    expect((await refusal(rowsOf(odd))).message).toBe(
      `Expected tensor "t" row of "${path}" to be a number of whole bytes, but found 12 bits; save it in a wider type.`,
    );
  });

  it('larger than a read is read whole', async () => {
    const bytes = Uint8Array.from({ length: 9_000_001 }, (_, i) => i % 251);
    const tensor = await written([bytes.length], bytes);
    expect(Buffer.compare(await readTensor(tensor), bytes)).toBe(0);
  });
});

/** What ends the reading of a tensor, whole and by rows. */
async function refusals(tensor: SafetensorsTensor, options?: ReadOptions) {
  return [
    await refusal(readTensor(tensor, options)),
    await refusal(readRows(tensor, options).next()),
  ];
}

describe('Reading a tensor ends', () => {
  it('when its file has changed since the header was read', async () => {
    const changes = [
      () => appendFile(path, 'x'),
      () => truncate(path, 100),
      async () => {
        await writeTensors(temp('b'), { before: pad });
        await rename(temp('b'), path);
      },
    ];
    for (const change of changes) {
      const tensor = await written([3], counted(3));
      await change();
      for (const error of await refusals(tensor)) {
        expect(error).toMatchObject({
          code: 'ERR_BITNET_FILE',
          path,
          message: `Expected "${path}" to stay as it is while it is read, but it has changed; begin again when nothing writes to it.`,
        });
      }
    }
    const tensor = await written([3], counted(3));
    await rm(path);
    for (const error of await refusals(tensor)) expect(error.message).toContain('there is none');
  });

  it('when its file changes between two pieces', async () => {
    for (const change of [() => appendFile(path, 'x'), () => truncate(path, 100)]) {
      const rows = readRows(await written([2, 3], counted(6)), { pieceBytes: 3 });
      expect((await rows.next()).value).toMatchObject({ begin: 0, end: 1 });
      await change();
      expect((await refusal(rows.next())).message).toContain('but it has changed');
    }
  });

  it('when its signal aborts, before it or between two pieces', async () => {
    const tensor = await written([2, 3], counted(6));
    for (const error of await refusals(tensor, { signal: AbortSignal.abort('enough') })) {
      expect(error).toMatchObject({
        code: 'ERR_BITNET_ABORTED',
        name: 'AbortError',
        message: `Reading "${path}" was aborted.`,
        cause: 'enough',
      });
    }
    const controller = new AbortController();
    const rows = readRows(tensor, { pieceBytes: 3, signal: controller.signal });
    await rows.next();
    controller.abort();
    await expect(rows.next()).rejects.toMatchObject({ code: 'ERR_BITNET_ABORTED' });
  });
});
