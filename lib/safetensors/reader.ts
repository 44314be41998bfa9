import { otherFormats } from '../files/other-formats.js';
import { quote } from '../gguf/malformed.js';
import { type OpenFile, openFile } from '../gguf/open.js';
import type { JsonCursor } from '../json/json-cursor.js';
import { type Dtype, dtypeBits, isDtype } from './dtypes.js';
import { safetensorsJson } from './json.js';
import { maxDims, maxHeaderBytes, maxNameLength } from './limits.js';
import { malformed } from './malformed.js';
import { type Entry, placeTensors } from './place-tensors.js';
import { readBytes } from './read-bytes.js';
import type { SafetensorsFile } from './types.js';

/**
 * Reads the header of a safetensors file, no tensor data. What the format's own library requires is
 * required here: tensors that follow each other without holes, up to the end of the file.
 *
 * header length u64 | header, a JSON object in UTF-8 | tensor data
 *
 * @throws ERR_BITNET_FILE when the file cannot be read, ERR_BITNET_SAFETENSORS when it is not sound
 */
export async function readSafetensors(path: string): Promise<SafetensorsFile> {
  const file = await openFile(path, '.safetensors');
  try {
    const header = await readHeader(file);
    const json = safetensorsJson(path, 'the header', header);
    const { metadata, entries } = await parseHeader(json);
    const tensors = await placeTensors(entries, lengthBytes + header.length, file.stamp);
    return { metadata, tensors };
  } finally {
    await file.handle.close();
  }
}

/** Bytes of the header's length. */
const lengthBytes = 8;

async function readHeader(file: OpenFile): Promise<Buffer> {
  const { path, size } = file.stamp;
  const field = 'the header length';
  const start = await readBytes(file, 0, Math.min(lengthBytes, size));
  const kind = start.toString('latin1', 0, 4);
  const advice = otherFormats.get(kind) ?? otherCheckpoints.get(kind);
  if (size < lengthBytes) throw malformed(path, field, '8 bytes', `a file of ${size}`, advice);
  const length = start.readBigUInt64LE();
  if (length > maxHeaderBytes) {
    throw malformed(path, field, `at most ${maxHeaderBytes}`, `${length}`, advice);
  }
  if (length > size - lengthBytes) {
    const room = `at most ${size - lengthBytes}, the bytes after it`;
    throw malformed(path, field, room, `${length}`, 'the file is incomplete, download it again');
  }
  const header = await readBytes(file, lengthBytes, Number(length));
  if (header[0] !== 0x7b) {
    const found = header.length === 0 ? 'no byte' : quote(header.toString('latin1', 0, 1));
    throw malformed(path, 'the first byte of the header', '"{"', found);
  }
  return header;
}

/** First four bytes of other files with weights. */
const otherCheckpoints: ReadonlyMap<string, string> = new Map([
  ['GGUF', 'this is a GGUF file already'],
  ['PK\x03\x04', 'this is a PyTorch or zip file, get the model as safetensors'],
]);

async function parseHeader(
  json: JsonCursor,
): Promise<Pick<SafetensorsFile, 'metadata'> & { entries: Entry[] }> {
  const metadata = new Map<string, string>();
  const entries: Entry[] = [];
  for (const name of json.members()) {
    if (name === '__metadata__') {
      json.subject = 'the header __metadata__';
      for (const key of json.members()) {
        metadata.set(key, json.string());
        await json.pause();
      }
    } else {
      entries.push(await parseEntry(json, name));
    }
    json.subject = 'the header';
    await json.pause();
  }
  json.end();
  return { metadata, entries };
}

/** Fields that the format does not have are passed over, as by its own library. */
async function parseEntry(json: JsonCursor, name: string): Promise<Entry> {
  json.subject = `tensor ${quote(name)}`;
  if (name.length > maxNameLength) {
    throw json.fail('name', `at most ${maxNameLength} characters`, `${name.length}`);
  }
  let dtype: Dtype | undefined;
  let shape: number[] | undefined;
  let offsets: number[] | undefined;
  for (const key of json.members()) {
    if (key === 'dtype') dtype = parseDtype(json);
    else if (key === 'shape') shape = json.integers('shape', maxDims);
    else if (key === 'data_offsets') offsets = json.integers('data_offsets', 2);
    else await json.skip();
  }
  if (!dtype) throw json.fail('dtype', 'a string', 'none');
  if (!shape) throw json.fail('shape', 'an array', 'none');
  const [begin, end] = offsets ?? [];
  if (begin === undefined || end === undefined) {
    throw json.fail('data_offsets', 'two integers', offsets ? `${offsets.length}` : 'none');
  }
  return { name, dtype, shape, begin, end };
}

function parseDtype(json: JsonCursor): Dtype {
  const name = json.string();
  if (isDtype(name)) return name;
  const known = `one of ${Object.keys(dtypeBits).join(', ')}`;
  throw json.fail('dtype', known, quote(name), 'the file is damaged or of a newer format');
}
