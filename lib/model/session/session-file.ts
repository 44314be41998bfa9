import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { argumentError, received } from '../../checks/options.js';
import { BitnetError } from '../../errors.js';
import { replaceFile } from '../../files/replace-file.js';
import { systemFault } from '../../files/system-fault.js';
import type { FileKind } from '../../files/target.js';
import { nativeLoad, nativeSave } from '../../native.js';
import { type KvType, kvTypes, type NativeSession } from '../../native-types.js';

/*
 * A session on disk, numbers little-endian:
 *
 *   0  "BITNETKV"
 *   8  u32 version · u32 bytes of the header
 *  16  header: JSON, see Header
 *      SHA-256 of all before
 *      i32 tokens [position] · keys, values and states, as native/engine/session_file.h says
 *      u64 checksum of the tokens, keys, values and states, seeded with the SHA-256's first 8 bytes
 */

const magic = 'BITNETKV';

/** What saving replaces unasked. */
export const sessionFile: FileKind = {
  name: 'a session file',
  headBytes: magic.length,
  matches: (head) => head.toString('latin1') === magic,
};

/** Also counts changes of how keys, values and states are computed (native/README.md, "Numbers"). */
const version = 2;

const prefixBytes = 16;
const digestBytes = 32;
const checksumBytes = 8;

/** Bytes of a header: bounds what is read before anything is known. A chat is kept in there. */
const maxHeaderBytes = 2 ** 26;

interface Header {
  readonly model: { readonly name: string; readonly identity: string };
  readonly kvType: KvType;
  /** With LongRoPE: whether keys were turned by the long factors. */
  readonly longRope?: boolean;
  /** Tokens evaluated. */
  readonly position: number;
  /** Of these, how many at the end penalties look back at. */
  readonly history: number;
  /** The token that was generated last and is not evaluated yet; -1 when there is none. */
  readonly pending: number;
  /**
   * Of recurrent layers: positions of their states, ascending, the last that of the session; none in a model without or at the
   * begin.
   */
  readonly states: readonly number[];
  /** What the caller wants to keep with it. */
  readonly data?: unknown;
}

/** The part of a session that a file holds besides keys and values. */
export interface SessionState {
  /** `[position]` */
  readonly tokens: Int32Array;
  readonly history: number;
  readonly pending: number | undefined;
  readonly data: unknown;
}

/** What files of a session must agree with. */
export interface SessionOwnership {
  readonly name: string;
  readonly identity: string;
  readonly kvType: KvType;
  readonly contextLength: number;
  /** With LongRoPE: the longest context whose keys are turned by the short factors. */
  readonly longRopeAbove: number | undefined;
  readonly vocabSize: number;
}

/**
 * Writes a session, which only its owner can read, as `replaceFile` does.
 *
 * @param owner asked when it is sure that the path may be written to: finding out may take long
 * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_FILE`, `ERR_BITNET_ABORTED`
 */
export async function writeSession(
  native: NativeSession,
  { path, overwrite }: { readonly path: string; readonly overwrite?: boolean | undefined },
  state: SessionState,
  owner: () => Promise<SessionOwnership>,
  control: Int32Array,
): Promise<void> {
  await replaceFile(path, { kind: sessionFile, overwrite }, async (part) => {
    const ownership = await owner();
    const header = encodeHeader(state, native.statePositions(), ownership);
    const { tokens } = state;
    await nativeSave(native, { path: part, header, tokens, ...seedOf(header), control });
  });
}

/**
 * Reads a session into `native`, which stays as it was when the file is refused.
 *
 * @throws `ERR_BITNET_FILE`; `ERR_BITNET_SESSION` when it is damaged or belongs to something else;
 *   `ERR_BITNET_CONTEXT` when it is longer than the context; `ERR_BITNET_ABORTED`, `ERR_BITNET_MEMORY`
 */
export async function readSession(
  native: NativeSession,
  path: string,
  owner: SessionOwnership,
  control: Int32Array,
  accept?: (data: unknown) => void,
): Promise<SessionState> {
  const { header, start, size, seed } = await readHeader(path);
  checkOwner(path, header, owner);
  accept?.(header.data);
  const { position, history, states, data } = header;
  checkStates(path, header, native.stateBytes() > 0);
  const ofStates = states.length * native.stateBytes();
  const end = start + position * (4 + native.bytesPerPosition()) + ofStates + checksumBytes;
  if (size !== end) throw damaged(path, `it has ${size} bytes where ${end} belong`);
  const tokens = new Int32Array(position);
  const statePositions = Float64Array.from(states);
  await nativeLoad(native, { path, offset: start, tokens, statePositions, ...seed, control });
  const pending = header.pending === -1 ? undefined : header.pending;
  return { tokens, history, pending, data };
}

function encodeHeader(
  { tokens, history, pending = -1, data }: SessionState,
  states: readonly number[],
  owner: SessionOwnership,
) {
  const { name, identity, kvType } = owner;
  const position = tokens.length;
  const longRope = isLong(owner);
  const header: Header = {
    ...{ model: { name, identity }, kvType, ...(longRope !== undefined && { longRope }) },
    ...{ position, history, pending, states, data },
  };
  const json = Buffer.from(jsonOf(header));
  if (json.length > maxHeaderBytes) {
    throw argumentError(`data of at most ${maxHeaderBytes} bytes`, 'option data', json.length);
  }
  const prefix = Buffer.alloc(prefixBytes);
  prefix.write(magic);
  prefix.writeUInt32LE(version, 8);
  prefix.writeUInt32LE(json.length, 12);
  const head = Buffer.concat([prefix, json]);
  return Buffer.concat([head, digestOf(head)]);
}

function jsonOf(header: Header): string {
  try {
    return JSON.stringify(header);
  } catch (cause) {
    const message = `Expected data that can be written as JSON, but: ${(cause as Error).message}.`;
    throw new BitnetError('ERR_BITNET_ARGUMENT', message, { cause });
  }
}

function digestOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

/** The seed of the checksum: a header belongs to what follows it and to nothing else. */
function seedOf(head: Buffer): { seedLow: number; seedHigh: number } {
  const at = head.length - digestBytes;
  return { seedLow: head.readUInt32LE(at), seedHigh: head.readUInt32LE(at + 4) };
}

interface FoundHeader {
  readonly header: Header;
  /** Where the tokens begin. */
  readonly start: number;
  readonly size: number;
  readonly seed: ReturnType<typeof seedOf>;
}

async function readHeader(path: string): Promise<FoundHeader> {
  // O_NONBLOCK, where it exists: a FIFO must not hold us for ever.
  const flags = constants.O_RDONLY | (constants.O_NONBLOCK ?? 0);
  const handle = await open(path, flags).catch((cause) => {
    throw unreadable(path, cause);
  });
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw notASession(path, 'no regular file');
    const prefix = await readBytes(path, handle, 0, Math.min(prefixBytes, stat.size));
    if (prefix.length < magic.length || prefix.toString('latin1', 0, magic.length) !== magic) {
      throw notASession(path, 'another kind of file');
    }
    if (prefix.length < prefixBytes) throw damaged(path, 'it ends in its first bytes');
    checkVersion(path, prefix.readUInt32LE(8));
    const headBytes = prefixBytes + prefix.readUInt32LE(12) + digestBytes;
    if (headBytes > Math.min(stat.size, prefixBytes + maxHeaderBytes + digestBytes)) {
      throw damaged(path, 'it ends in its header');
    }
    const head = await readBytes(path, handle, 0, headBytes);
    const header = decodeHeader(path, head);
    return { header, start: headBytes, size: stat.size, seed: seedOf(head) };
  } finally {
    await handle.close();
  }
}

async function readBytes(path: string, handle: FileHandle, at: number, count: number) {
  const bytes = Buffer.alloc(count);
  const { bytesRead } = await handle.read(bytes, 0, count, at).catch((cause) => {
    throw unreadable(path, cause);
  });
  if (bytesRead < count) throw damaged(path, 'it became shorter while it was read');
  return bytes;
}

function checkVersion(path: string, found: number): void {
  if (found === version) return;
  throw refused(
    path,
    `Expected the session file "${path}" to be of version ${version}, but it is of version ${found}: another version of this program wrote it; evaluate the prompt again and save a new one.`,
  );
}

function decodeHeader(path: string, head: Buffer): Header {
  const end = head.length - digestBytes;
  if (!digestOf(head.subarray(0, end)).equals(head.subarray(end))) {
    throw damaged(path, 'its header does not match its checksum');
  }
  const header = parsed(head.toString('utf8', prefixBytes, end));
  if (isHeader(header)) return header;
  throw damaged(path, 'its header does not say what a session needs');
}

/** undefined where it is no JSON: a checksum only says that these bytes were meant. */
function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}

/** Whether keys of a session are turned by the long factors; undefined without LongRoPE. */
function isLong({ contextLength, longRopeAbove }: SessionOwnership): boolean | undefined {
  return longRopeAbove === undefined ? undefined : contextLength > longRopeAbove;
}

function isHeader(value: unknown): value is Header {
  const { model, kvType, longRope, position, history, pending, states } = (value ??
    {}) as Partial<Header>;
  return (
    typeof model?.name === 'string' &&
    typeof model.identity === 'string' &&
    kvTypes.some((type) => type === kvType) &&
    (longRope === undefined || typeof longRope === 'boolean') &&
    isCount(position) &&
    isCount(history) &&
    history <= position &&
    (pending === -1 || isCount(pending)) &&
    Array.isArray(states) &&
    states.every((at, i) => isCount(at) && at > (states[i - 1] ?? 0) && at <= position)
  );
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function checkOwner(path: string, header: Header, owner: SessionOwnership): void {
  const { model, kvType, longRope, position, pending } = header;
  if (model.identity !== owner.identity) {
    const [found, expected] = [received(model.name), received(owner.name)];
    const who =
      found === expected ? `another ${found} (other weights, settings or adapters)` : found;
    throw refused(
      path,
      `Expected the session file "${path}" to be of the model ${expected}, but it is of ${who}; load that model, or choose another file.`,
    );
  }
  if (kvType !== owner.kvType) {
    throw refused(
      path,
      `Expected the session file "${path}" to hold keys and values as ${owner.kvType}, but it holds ${kvType}; use that type (--kv-type, kvType), or choose another file.`,
    );
  }
  if (longRope !== isLong(owner)) {
    const [found, wanted] = longRope ? ['long', 'short'] : ['short', 'long'];
    const context = `${longRope ? 'more than' : 'at most'} ${owner.longRopeAbove}`;
    throw refused(
      path,
      `Expected the session file "${path}" to hold keys with LongRoPE’s ${wanted} factors, as a context of ${owner.contextLength} has, but they have its ${found} ones; use a context of ${context} tokens (-c, contextLength), or choose another file.`,
    );
  }
  if (pending >= owner.vocabSize) throw damaged(path, 'it has a token that is not in the model');
  if (position > owner.contextLength) {
    throw new BitnetError(
      'ERR_BITNET_CONTEXT',
      `Expected a session of at most ${owner.contextLength} tokens, but the file "${path}" holds ${position}; use a longer context (-c, contextLength).`,
      { path, tokens: position, contextLength: owner.contextLength },
    );
  }
}

/** A session of a model with recurrent layers ends with a state. */
function checkStates(path: string, { position, states }: Header, recurrent: boolean): void {
  const expected = recurrent && position > 0 ? position : undefined;
  if (states.at(-1) !== expected) throw damaged(path, 'it lacks the state after its last token');
}

function unreadable(path: string, cause: NodeJS.ErrnoException): BitnetError {
  const message =
    cause.code === 'ENOENT'
      ? `Expected a session file at "${path}", but there is none; check the path.`
      : `Expected to read the session file "${path}", but the system answered "${systemFault(cause)}".`;
  return new BitnetError('ERR_BITNET_FILE', message, { path, cause });
}

function notASession(path: string, found: string): BitnetError {
  return refused(
    path,
    `Expected "${path}" to be a session file of this program, but it is ${found}; choose another path.`,
  );
}

function damaged(path: string, found: string): BitnetError {
  return refused(
    path,
    `Expected the session file "${path}" to be intact, but ${found}: it is damaged; evaluate the prompt again and save a new one.`,
  );
}

function refused(path: string, message: string): BitnetError {
  return new BitnetError('ERR_BITNET_SESSION', message, { path });
}
