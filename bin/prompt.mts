import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import process from 'node:process';
import { setTimeout as pause } from 'node:timers/promises';
import { BitnetError } from '../lib/errors.js';
import { unreadableBecause } from '../lib/files/system-fault.js';
import { isInterrupted } from './interrupt.mjs';
import type { Terminal } from './terminal.mjs';

/** How much of a text to read, and which of its bytes count. */
export interface Reading {
  /** @default 2 MiB: as much as the tokenizer takes, far more than any context holds */
  readonly maxBytes?: number;
  /**
   * Every byte is text, also a byte order mark at the beginning and the newline at the end of the last line.
   * @default false: these two are left out
   */
  readonly whole?: boolean;
  /** Whether a pipe or device, which may never end, is refused. @default false */
  readonly regular?: boolean;
}

const maxPromptBytes = 2 * 1024 * 1024;

/** Milliseconds after which a pipe or terminal that had nothing to read is asked again. */
const silence = 20;

/** Milliseconds of silence on standard input after which we say what we are waiting for. */
const patience = 2000;

/** Whether standard input is something piped in rather than a person at a keyboard. */
export function isPiped(): boolean {
  return stdin()?.isTTY !== true;
}

/** A text file, UTF-8; a pipe is waited for until Ctrl-C. */
export async function readTextFile(path: string, reading: Reading = {}): Promise<string> {
  return textIn(await readBytesOf(path, reading), fileName(path), reading);
}

/** The bytes of a file; a pipe is waited for until Ctrl-C. */
export async function readBytesOf(path: string, reading: Reading = {}): Promise<Buffer> {
  const name = fileName(path);
  try {
    const handle = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      if (reading.regular && !(await handle.stat()).isFile()) throw notRegular(name);
      return await readAll(pieces(handle), name, reading);
    } finally {
      await handle.close();
    }
  } catch (error) {
    throw unreadable(name, error);
  }
}

/** As errors call a file. */
export function fileName(path: string): string {
  return `file ${JSON.stringify(path)}`;
}

/**
 * What is in a file. A pipe or terminal that has nothing to read yet is asked again after a while: a read that waits for it
 * occupies a thread that the process cannot end without.
 */
async function* pieces(handle: FileHandle): AsyncGenerator<Buffer> {
  let awaited = (await handle.stat()).isFIFO(); // perhaps no writer has opened it yet
  for (;;) {
    const buffer = Buffer.allocUnsafe(64 * 1024);
    const read = await handle.read({ buffer }).catch((error) => {
      if (error.code !== 'EAGAIN') throw error;
    });
    if (read !== undefined && read.bytesRead > 0) {
      awaited = false;
      yield buffer.subarray(0, read.bytesRead);
    } else if (read !== undefined && !awaited) return;
    else if (isInterrupted()) throw interrupted();
    else await pause(silence);
  }
}

/**
 * What is piped in, as `readTextFile` reads a file; undefined where standard input cannot be read: under nohup, closed, or opened to
 * write. After two silent seconds it says that it waits, and for what.
 */
export async function readStdin(
  terminal: Terminal,
  signal: AbortSignal,
  { awaited = 'the text', ...reading }: Reading & { readonly awaited?: string } = {},
): Promise<string | undefined> {
  const input = stdin();
  if (input === undefined) return undefined;
  let begun = false;
  const notice = () => terminal.note(`Waiting for ${awaited} on standard input.`);
  const timer = setTimeout(notice, patience);
  const stop = () => input.destroy();
  signal.addEventListener('abort', stop);
  try {
    const bytes = await readAll(input, 'standard input', reading, () => {
      begun = true;
      clearTimeout(timer);
    });
    return textIn(bytes, 'standard input', reading);
  } catch (error) {
    if (signal.aborted) throw interrupted();
    if (!begun && !(error instanceof BitnetError)) return undefined;
    throw unreadable('standard input', error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

/** Standard input; undefined where it is nothing that can be opened. */
function stdin(): typeof process.stdin | undefined {
  try {
    return process.stdin;
  } catch {
    return undefined;
  }
}

async function readAll(
  input: AsyncIterable<Buffer>,
  name: string,
  { maxBytes = maxPromptBytes }: Reading,
  onData?: () => void,
): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of input) {
    onData?.();
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new BitnetError(
        'ERR_BITNET_FILE',
        `Expected the ${name} to hold at most ${maxBytes / 1024 / 1024} MiB of text, but it is longer; give less text.`,
      );
    }
  }
  return Buffer.concat(chunks);
}

function textIn(bytes: Buffer, name: string, { whole = false }: Reading): string {
  try {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: whole });
    const text = decoder.decode(bytes);
    return whole ? text : text.replace(/\r?\n$/, '');
  } catch {
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected the ${name} to hold UTF-8 text, but it has other bytes; convert it first.`,
    );
  }
}

function interrupted(): BitnetError {
  return new BitnetError('ERR_BITNET_ABORTED', 'Reading the prompt was interrupted.');
}

function notRegular(name: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected the ${name} to be a regular file, but it is a folder, pipe or device; copy its content to a file.`,
  );
}

function unreadable(name: string, error: unknown): BitnetError {
  if (error instanceof BitnetError) return error;
  const cause = error as NodeJS.ErrnoException;
  const found = unreadableBecause(cause);
  return new BitnetError('ERR_BITNET_FILE', `Expected the ${name} to be readable, but ${found}.`, {
    cause,
  });
}
