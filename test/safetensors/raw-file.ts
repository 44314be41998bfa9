import { writeFile } from 'node:fs/promises';
import { expect } from 'vitest';
import { BitnetError } from '../../lib/errors.js';

/** The bytes of a file with a header of any text, right or wrong. */
export function rawFile(
  header: string | object | Buffer,
  data: Uint8Array = new Uint8Array(),
): Buffer {
  const text = Buffer.isBuffer(header)
    ? header
    : Buffer.from(typeof header === 'string' ? header : JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(text.length));
  return Buffer.concat([length, text, data]);
}

/** A tensor to be written; the bytes must be as many as the dtype and shape need. */
export interface RawTensor {
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Writes a sound file with these tensors, one after the other. */
export async function writeTensors(
  path: string,
  tensors: Readonly<Record<string, RawTensor>>,
  metadata?: Readonly<Record<string, string>>,
): Promise<void> {
  let end = 0;
  const entries = Object.entries(tensors).map(([name, { dtype, shape, bytes }]) => {
    const begin = end;
    end += bytes.length;
    return [name, { dtype, shape, data_offsets: [begin, end] }];
  });
  const header = { ...(metadata && { __metadata__: metadata }), ...Object.fromEntries(entries) };
  const data = Buffer.concat(Object.values(tensors).map(({ bytes }) => bytes));
  await writeFile(path, rawFile(header, data));
}

/** The error that work ends with: one sentence, on one line, with nothing that controls a terminal. */
export async function refusal(work: Promise<unknown>): Promise<BitnetError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(BitnetError);
  expect((error as BitnetError).message).toMatch(/^[A-Z][^\p{C}]+[^.]\.$/u);
  return error as BitnetError;
}
