import { open } from 'node:fs/promises';
import process from 'node:process';
import type { Readable } from 'node:stream';
import { BitnetError } from '../lib/index.js';
import type { Terminal } from './terminal.mjs';

/** As much text as the tokenizer takes; far more than any context holds. */
const maxPromptBytes = 2 * 1024 * 1024;

/** Milliseconds of silence on standard input after which we say what we are waiting for. */
const patience = 2000;

/** Whether standard input is something piped in rather than a person at a keyboard. */
export function isPiped(): boolean {
  return !process.stdin.isTTY;
}

/** A text file as part of a prompt: UTF-8, without the newline that ends its last line. */
export async function readTextFile(path: string, maxBytes = maxPromptBytes): Promise<string> {
  const name = `file ${JSON.stringify(path)}`;
  try {
    const handle = await open(path);
    try {
      return await readAll(handle.createReadStream({ autoClose: false }), name, maxBytes);
    } finally {
      await handle.close();
    }
  } catch (error) {
    if (error instanceof BitnetError) throw error;
    const { message } = error as Error;
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected the ${name} to be readable, but: ${message}.`,
      { cause: error },
    );
  }
}

/** What is piped in, as `readTextFile` reads a file; says so if it has to wait for long. */
export async function readStdin(
  terminal: Terminal,
  signal: AbortSignal,
  maxBytes = maxPromptBytes,
): Promise<string> {
  const notice = () =>
    terminal.note(
      'Waiting for the rest of the prompt on standard input (or start with </dev/null).',
    );
  const timer = setTimeout(notice, patience);
  process.stdin.once('data', () => clearTimeout(timer));
  const stop = () => process.stdin.destroy();
  signal.addEventListener('abort', stop);
  try {
    return await readAll(process.stdin, 'standard input', maxBytes);
  } catch (error) {
    if (!signal.aborted) throw error;
    throw new BitnetError('ERR_BITNET_ABORTED', 'Reading the prompt was interrupted.');
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  }
}

async function readAll(stream: Readable, name: string, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new BitnetError(
        'ERR_BITNET_FILE',
        `Expected the ${name} to hold at most ${maxBytes / 1024 / 1024} MiB of text, but it goes on; give less text.`,
      );
    }
  }
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks));
    return text.replace(/\r?\n$/, '');
  } catch {
    throw new BitnetError(
      'ERR_BITNET_FILE',
      `Expected the ${name} to hold UTF-8 text, but it has other bytes; convert it first.`,
    );
  }
}
