import type { HeaderCursor } from './header-cursor.js';
import { maxDims, maxElements, maxTensorNameBytes } from './limits.js';
import { placeTensors, type TensorInfo, tensorSubject } from './place-tensors.js';
import type { TimeSlice } from './time-slice.js';
import type { GgufFile, GgufTensor } from './types.js';

/**
 * Reads the tensor directory (name, dimensions, type id and offset of each tensor), which ends the
 * header, and places the tensors in the file.
 */
export async function readDirectory(
  cursor: HeaderCursor,
  count: number,
  file: Pick<GgufFile, 'alignment' | 'metadata'>,
  slice: TimeSlice,
): Promise<{ dataStart: number; tensors: GgufTensor[] }> {
  const infos: TensorInfo[] = [];
  const names = new Set<string>();
  for (let index = 0; index < count; index++) {
    cursor.subject = `tensor ${index}`;
    const name = (await cursor.string('name', maxTensorNameBytes)).toString();
    cursor.subject = tensorSubject(index, name);
    if (names.has(name)) throw cursor.fail('name', 'unique', 'it a second time');
    names.add(name);
    infos.push(await readInfo(cursor, index, name, file.alignment));
    if (slice.due()) await slice.pause();
  }
  const dataStart = Math.ceil(cursor.position / file.alignment) * file.alignment;
  return { dataStart, tensors: await placeTensors(cursor, infos, { ...file, dataStart }, slice) };
}

async function readInfo(
  cursor: HeaderCursor,
  index: number,
  name: string,
  alignment: number,
): Promise<TensorInfo> {
  await cursor.need(4, 'dimension count');
  const nDims = cursor.u32();
  if (nDims > maxDims) throw cursor.fail('dimension count', `at most ${maxDims}`, `${nDims}`);
  const dims: number[] = [];
  let elements = 1;
  for (let i = 0; i < nDims; i++) {
    const dim = await cursor.count(`dimension ${i}`, maxElements);
    if (dim > maxElements / Math.max(elements, 1)) {
      throw cursor.fail('element count', `at most ${maxElements}`, [...dims, dim].join(' × '));
    }
    elements *= dim;
    dims.push(dim);
  }
  await cursor.need(4, 'type');
  const typeId = cursor.u32();
  const offset = await cursor.count('offset', Number.MAX_SAFE_INTEGER);
  if (offset % alignment !== 0) {
    throw cursor.fail('offset', `a multiple of the alignment ${alignment}`, `${offset}`);
  }
  const cols = dims[0] ?? 1;
  const rows = dims.slice(1).reduce((product, dim) => product * dim, 1);
  return { index, name, dims, rows, cols, typeId, offset };
}
