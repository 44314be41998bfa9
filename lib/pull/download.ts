import { createHash } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { BitnetError } from '../errors.js';
import type { Target } from '../files/target.js';
import { unknownBytes } from './claims.js';
import { checkSpace, diskError } from './disk.js';
import { abortedError, connectionError, isRetryable, networkError, shown } from './failures.js';
import type { Http, HttpAnswer } from './http.js';
import { Unfinished } from './unfinished.js';

/** After this many new bytes a broken connection is the first of its kind again. */
const progressBytes = 1024 * 1024;

/** The longest pause a server can ask for, in seconds. */
const maxPause = 60;

export interface DownloadOptions {
  /** SHA-256 the file must have. @default what the server says, if it says one */
  readonly sha256?: string | undefined;
  /** Retries after consecutive temporary failures. */
  readonly retries: number;
  /** Milliseconds before the first of them; doubled each time. */
  readonly retryDelay: number;
  /** Whether the user named the target. */
  readonly there?: Target | undefined;
  /** Whether it may be any file, and not only GGUF. */
  readonly anyKind?: true;
  readonly signal: AbortSignal | undefined;
  /** Called with the bytes received and, if the server says so, their total. */
  readonly onBytes: (bytes: number, total: number | undefined) => void;
  /** Called with a sentence when something takes longer than it should. */
  readonly onNotice: (text: string) => void;
}

export interface Download {
  readonly bytes: number;
  readonly sha256: string;
  /** Bytes that came over the network. */
  readonly received: number;
}

/** The rest of a file, which a server has begun to send. */
interface Rest {
  readonly body: HttpAnswer['body'];
  /** Place of the first byte. */
  readonly from: number;
  /** Bytes of the whole file. */
  readonly total: number | undefined;
  readonly sha256: string | undefined;
}

/**
 * Downloads a GGUF file to `target`, which appears when it is complete and verified. After a failure,
 * the partial file is kept beside it if a later call can continue it. Undefined if another
 * process has finished the file meanwhile.
 *
 * @throws ERR_BITNET_NETWORK, ERR_BITNET_CHECKSUM, ERR_BITNET_GGUF, ERR_BITNET_FILE, ERR_BITNET_ABORTED
 */
export async function download(
  http: Http,
  url: string,
  target: string,
  options: DownloadOptions,
): Promise<Download | undefined> {
  const { signal, onNotice } = options;
  await mkdir(dirname(target), { recursive: true }).catch((error) => {
    throw diskError(target, error);
  });
  const onWait = (pid: number) =>
    onNotice(`Process ${pid} pulls this file too; waiting until it is done.`);
  const partial = await Unfinished.claim(target, { signal, onWait });
  if (!partial) return undefined;
  try {
    const found = { received: 0, sha256: options.sha256 };
    await withRetries(partial, options, () => receive(http, url, partial, options, found));
    const sha256 = partial.digest();
    if (found.sha256 !== undefined && sha256 !== found.sha256)
      throw damaged(url, found.sha256, sha256);
    await partial.finish(options.there);
    return { bytes: partial.bytes, sha256, received: found.received };
  } catch (error) {
    const kept = isFinal(error) ? await partial.discard() : await partial.release();
    if (error instanceof BitnetError) Object.assign(error, { resumable: kept === true });
    throw error;
  }
}

async function withRetries(
  partial: Unfinished,
  { retries, retryDelay, signal, onNotice }: DownloadOptions,
  action: () => Promise<void>,
): Promise<void> {
  for (let failures = 0; ; ) {
    const before = partial.bytes;
    try {
      return await action();
    } catch (error) {
      failures = partial.bytes - before > progressBytes ? 1 : failures + 1;
      if (!isRetryable(error) || failures > retries) throw error;
      const { message, retryAfter = 0 } = error as Error & { retryAfter?: number };
      const backOff = retryDelay * 2 ** (failures - 1) * (0.75 + Math.random() / 2);
      const pause = Math.max(backOff, 1000 * Math.min(retryAfter, maxPause));
      onNotice(
        `${message} Trying again in ${Math.ceil(pause / 1000)} s (${failures} of ${retries}).`,
      );
      await sleep(pause, undefined, { ...(signal && { signal }) }).catch(() => {});
      if (signal?.aborted) throw abortedError(signal);
    }
  }
}

/** One request and its response. */
async function receive(
  http: Http,
  url: string,
  partial: Unfinished,
  { signal, onBytes, anyKind }: DownloadOptions,
  found: { received: number; sha256: string | undefined },
): Promise<void> {
  const { body, from, total, sha256 } = await ask(http, url, partial, found.sha256, signal);
  found.sha256 ??= sha256;
  let head: Buffer = Buffer.alloc(0);
  let position = from;
  try {
    if (total !== undefined) await checkSpace(partial.target, total - partial.bytes);
    onBytes(partial.bytes, total);
    for await (const chunk of chunksOf(body, url, signal)) {
      found.received += chunk.length;
      position += chunk.length;
      if (total !== undefined && position > total) throw tooLong(url, total);
      // A resumed answer repeats the last byte, and nothing is written before its kind is known.
      let news = chunk.subarray(Math.max(0, chunk.length - (position - partial.bytes)));
      if (partial.bytes === 0 && !anyKind) {
        head = Buffer.concat([head, news]);
        if (head.length < 4) continue;
        checkMagic(head, url);
        news = head;
      }
      await partial.append(news);
      onBytes(partial.bytes, total);
    }
  } finally {
    body.destroy();
  }
  if (total !== undefined && position < total) {
    throw networkError(
      `Expected ${total} bytes from ${shown(url)}, but the answer ended after ${position}; pull again to resume.`,
      { retryable: true },
    );
  }
  if (partial.bytes === 0 && !anyKind) checkMagic(head, url);
}

/** Requests what is missing, or everything if it would not continue what is there. */
async function ask(
  http: Http,
  url: string,
  partial: Unfinished,
  wanted: string | undefined,
  signal: AbortSignal | undefined,
): Promise<Rest> {
  if (partial.resumable) {
    // From the last byte on: a request past the end could not tell a complete file from a shorter one.
    const from = partial.bytes - 1;
    const answer = await http.get(url, { from, signal });
    if (answer.status === 200) return begin(answer, url, partial, wanted);
    const range = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(`${answer.headers['content-range'] ?? ''}`);
    const total = range && range[2] !== '*' ? Number(range[2]) : answer.size;
    const same = partial.fingerprint === fingerprint(answer, url, total, wanted);
    if (answer.status === 206 && Number(range?.[1]) === from && same) {
      checkAnswer(answer, url, total);
      return { body: answer.body, from, total, sha256: wanted ?? answer.sha256 };
    }
    answer.body.destroy();
    answer.body.on('error', () => {}); // no longer read
  }
  return begin(await http.get(url, { signal }), url, partial, wanted);
}

async function begin(
  answer: HttpAnswer,
  url: string,
  partial: Unfinished,
  wanted: string | undefined,
): Promise<Rest> {
  const length = /^\d{1,15}$/.exec(`${answer.headers['content-length'] ?? ''}`);
  const total = length ? Number(length[0]) : answer.size;
  try {
    checkAnswer(answer, url, total);
    await partial.restart(fingerprint(answer, url, total, wanted));
  } catch (error) {
    answer.body.on('error', () => {}).destroy();
    throw error;
  }
  return { body: answer.body, from: 0, total, sha256: wanted ?? answer.sha256 };
}

/** Identifies the file that bytes belong to across requests: a hash of what the server calls it. */
function fingerprint(
  { headers, sha256 }: HttpAnswer,
  url: string,
  total: number | undefined,
  wanted: string | undefined,
): string {
  const checksum = wanted ?? sha256;
  const etag = `${headers.etag ?? ''}`;
  const date = headers['last-modified'];
  // A weak ETag may stay the same when bytes change.
  const validator = etag.startsWith('"') ? etag : date === undefined ? undefined : `${date}`;
  if (checksum === undefined && validator === undefined) return unknownBytes;
  const identity = checksum === undefined ? [shown(url), validator, total] : [checksum];
  return createHash('sha256').update(JSON.stringify(identity)).digest('hex').slice(0, 16);
}

function checkAnswer({ headers, size }: HttpAnswer, url: string, total: number | undefined): void {
  const encoding = headers['content-encoding'];
  if (encoding !== undefined && encoding !== 'identity') {
    throw networkError(
      `Expected the unencoded bytes of ${shown(url)}, but the server encodes them as ${JSON.stringify(encoding)}; download the file in another way.`,
    );
  }
  if (/^text\/html\b/i.test(`${headers['content-type'] ?? ''}`)) throw notGguf(url, 'a web page');
  if (size !== undefined && total !== undefined && size !== total) {
    throw networkError(
      `Expected ${size} bytes, as the repository says, from ${shown(url)}, but the server sends ${total}; pull again later.`,
    );
  }
}

/** The body of a response; a broken connection is a temporary error. */
async function* chunksOf(
  body: HttpAnswer['body'],
  url: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const chunks = (body as AsyncIterable<Buffer>)[Symbol.asyncIterator]();
  try {
    for (;;) {
      const next = await chunks.next().catch((error) => {
        throw signal?.aborted ? abortedError(signal) : connectionError(url, error);
      });
      if (next.done) return;
      if (signal?.aborted) throw abortedError(signal);
      yield next.value;
    }
  } finally {
    await chunks.return?.().catch(() => {});
  }
}

function checkMagic(head: Buffer, url: string): void {
  if (head.toString('latin1', 0, 4) === 'GGUF') return;
  const text = head.toString('latin1', 0, 200).trimStart().toLowerCase();
  const page = text.startsWith('<!doc') || text.startsWith('<html');
  throw notGguf(url, page ? 'a web page' : 'something else');
}

function notGguf(url: string, found: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_GGUF',
    `Expected a GGUF file at ${shown(url)}, but received ${found}; give the address of the file itself, not of a page about it.`,
  );
}

function tooLong(url: string, total: number): BitnetError {
  return networkError(
    `Expected ${total} bytes from ${shown(url)}, but the server sends more; pull again later.`,
    { final: true },
  );
}

function damaged(url: string, expected: string, found: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_CHECKSUM',
    `Expected the SHA-256 ${expected} of ${shown(url)}, but the file received has ${found} and was deleted; pull it again.`,
    { expected, found },
  );
}

/** Whether the partial file is useless. */
function isFinal(error: unknown): boolean {
  const { code, final } = error as { code?: string; final?: boolean };
  return code === 'ERR_BITNET_CHECKSUM' || code === 'ERR_BITNET_GGUF' || final === true;
}
