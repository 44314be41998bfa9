import type { HeaderCursor } from './header-cursor.js';
import { quote } from './malformed.js';
import { type Origin, type TensorType, typesOf } from './tensor-types.js';
import type { TimeSlice } from './time-slice.js';
import type { GgufFile, GgufTensor } from './types.js';

/** A directory entry as read. */
export interface TensorInfo {
  readonly index: number;
  readonly name: string;
  readonly dims: readonly number[];
  /** Product of all dimensions but the first. */
  readonly rows: number;
  readonly cols: number;
  readonly typeId: number;
  /** Bytes from the start of the tensor data. */
  readonly offset: number;
}

/** A directory entry and the bytes from its start to the next tensor's, or to the end of the file. */
interface Slot {
  readonly info: TensorInfo;
  readonly room: number;
  readonly next: TensorInfo | undefined;
}

/**
 * Finds the type of every tensor and checks that each lies inside the file and before the next
 * one. Gaps are accepted, and so is a file that ends right after its last tensor.
 */
export async function placeTensors(
  cursor: HeaderCursor,
  infos: readonly TensorInfo[],
  file: Pick<GgufFile, 'alignment' | 'metadata' | 'dataStart'>,
  slice: TimeSlice,
): Promise<GgufTensor[]> {
  const slots = measureRoom(infos, cursor.size - file.dataStart);
  const types = resolveTypes(slots, file.alignment, originOf(infos, file.metadata));
  const tensors = new Array<GgufTensor>(infos.length);
  for (const slot of slots) {
    const { index, name, dims, typeId, offset } = slot.info;
    cursor.subject = tensorSubject(index, name);
    const type = types.get(typeId);
    const bytes = checkedBytes(cursor, slot, type, file.dataStart);
    tensors[index] = {
      name,
      dims,
      typeId,
      type: type?.name ?? `type ${typeId}`,
      offset: file.dataStart + offset,
      bytes,
    };
    if (slice.due()) await slice.pause();
  }
  return tensors;
}

/** The name of a tensor in error messages. */
export function tensorSubject(index: number, name: string): string {
  return `tensor ${index} ${quote(name)}`;
}

/** The directory in the order of the data; an empty tensor comes before the one that shares its offset. */
function measureRoom(infos: readonly TensorInfo[], dataBytes: number): Slot[] {
  const sorted = [...infos].sort(
    (a, b) => a.offset - b.offset || a.rows * a.cols - b.rows * b.cols,
  );
  return sorted.map((info, i) => {
    const next = sorted[i + 1];
    return { info, next, room: (next?.offset ?? Math.max(dataBytes, info.offset)) - info.offset };
  });
}

function checkedBytes(
  cursor: HeaderCursor,
  { info, room, next }: Slot,
  type: TensorType | undefined,
  dataStart: number,
): number {
  const bytes = type === undefined || type.unsized ? room : type.bytes(info.rows, info.cols);
  if (bytes === undefined) {
    const expected = `one that ${type?.name} can hold, in blocks of ${type?.block} per row`;
    throw cursor.fail('shape', expected, `[${info.dims.join(', ')}]`);
  }
  const end = dataStart + info.offset + bytes;
  if (next !== undefined && bytes > room) {
    const expected = `at most ${end - bytes + room}, where ${tensorSubject(next.index, next.name)} begins`;
    throw cursor.fail('data end', expected, `${end}`);
  }
  if (next === undefined && end > cursor.size) {
    const advice = 'the file is incomplete, download it again';
    throw cursor.fail('data end', `at most ${cursor.size}, the size of the file`, `${end}`, advice);
  }
  return bytes;
}

/**
 * The type that each id means in this file. Where programs disagree, the sizes decide: the true
 * type fits the room of every tensor and, in a file without gaps, fills it but for the alignment.
 */
function resolveTypes(
  slots: readonly Slot[],
  alignment: number,
  origin: Origin,
): Map<number, TensorType> {
  const slotsOf = new Map<number, Slot[]>();
  for (const slot of slots) {
    const { typeId } = slot.info;
    const same = slotsOf.get(typeId);
    if (same === undefined) slotsOf.set(typeId, [slot]);
    else same.push(slot);
  }
  const types = new Map<number, TensorType>();
  for (const [id, same] of slotsOf) {
    const [first, ...others] = typesOf(id);
    if (first === undefined) continue;
    let best = first;
    for (const type of others) {
      if (score(type, same, alignment, origin) > score(best, same, alignment, origin)) best = type;
    }
    types.set(id, best);
  }
  return types;
}

/** How well a type explains the sizes: −1 when it cannot, else the tensors that fill their room; the origin breaks ties. */
function score(
  type: TensorType,
  slots: readonly Slot[],
  alignment: number,
  origin: Origin,
): number {
  let exact = type.origins.includes(origin) ? 0.5 : 0;
  if (type.unsized) return exact;
  for (const { info, room } of slots) {
    const bytes = type.bytes(info.rows, info.cols);
    if (bytes === undefined || bytes > room) return -1;
    if (bytes === room || Math.ceil(bytes / alignment) * alignment === room) exact++;
  }
  return exact;
}

/** Which family of programs wrote the file, if it can be told. */
function originOf(infos: readonly TensorInfo[], metadata: GgufFile['metadata']): Origin {
  if (infos.some(({ typeId }) => typeId >= firstIkType)) return 'ik_llama.cpp';
  const architecture = metadata.get('general.architecture');
  if (architecture === 'bitnet-b1.58' || architecture === 'bitnet-25') return 'bitnet.cpp';
  // Microsoft's own converter writes scores for byte-level BPE, which has none, and no type.
  const scored =
    metadata.get('tokenizer.ggml.model') === 'gpt2' && metadata.has('tokenizer.ggml.scores');
  return scored && !metadata.has('general.type') ? 'bitnet.cpp' : 'llama.cpp';
}

/** Only ik_llama.cpp has types from here on. */
const firstIkType = 97;
