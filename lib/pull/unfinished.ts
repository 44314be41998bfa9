import { createHash } from 'node:crypto';
import { constants } from 'node:fs';
import { type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isOwn, openNamed } from '../files/own.js';
import { syncFolder } from '../files/sync-folder.js';
import type { Target } from '../files/target.js';
import { claimedPath, freePath, heartbeat, partialFiles, unknownBytes } from './claims.js';
import { diskError } from './disk.js';
import { abortedError } from './failures.js';

/** Milliseconds between checks of a file that another process is downloading. */
const pollInterval = 300;

export interface ClaimOptions {
  readonly signal: AbortSignal | undefined;
  /** Called once before waiting for another process. */
  readonly onWait: (pid: number) => void;
}

/** A partial file that only this process writes, until it is finished or released. */
export class Unfinished {
  readonly target: string;
  #path: string;
  #handle: FileHandle;
  #fingerprint: string;
  #bytes = 0;
  #hash = createHash('sha256');
  readonly #alive: NodeJS.Timeout;

  private constructor(target: string, path: string, fingerprint: string, handle: FileHandle) {
    this.target = target;
    this.#path = path;
    this.#fingerprint = fingerprint;
    this.#handle = handle;
    this.#alive = setInterval(() => {
      const now = new Date();
      this.#handle.utimes(now, now).catch(() => {});
    }, heartbeat);
    this.#alive.unref();
  }

  /**
   * Takes over the partial file of an earlier pull, or creates one. While another process works on the same
   * file, waits for it: undefined when that one has finished the file.
   *
   * @throws ERR_BITNET_FILE, ERR_BITNET_ABORTED
   */
  static async claim(
    target: string,
    { signal, onWait }: ClaimOptions,
  ): Promise<Unfinished | undefined> {
    const others = async (own?: string) =>
      (await partialFiles(dirname(target), target)).filter(({ path }) => path !== own);
    const before = await timeOf(target);
    let waited = false;
    for (;;) {
      if (signal?.aborted) throw abortedError(signal);
      const found = await others();
      let busy = found.find(({ state }) => state === 'busy');
      if (!busy) {
        if (waited && (await timeOf(target)) !== before) return undefined;
        const free = found.filter(({ state }) => state === 'free');
        const partial = await Unfinished.#take(target, free);
        // Two processes that start at once see each other here; both back off, and one returns first.
        busy = (await others(partial.#path)).find(({ state }) => state === 'busy');
        if (!busy) return partial.#read(signal);
        await partial.release();
      }
      if (!waited) onWait(busy.pid!);
      waited = true;
      const pause = pollInterval * (1 + Math.random());
      await sleep(pause, undefined, { ...(signal && { signal }) }).catch(() => {});
    }
  }

  static async #take(
    target: string,
    free: readonly { path: string; fingerprint: string }[],
  ): Promise<Unfinished> {
    try {
      for (const { path, fingerprint } of free) {
        const claimed = claimedPath(target, fingerprint);
        try {
          await rename(path, claimed);
        } catch {
          continue; // another process was faster
        }
        // It may have been replaced since it was found.
        const handle = await openNamed(claimed, constants.O_RDWR, isOwn).catch(() => undefined);
        if (handle) return new Unfinished(target, claimed, fingerprint, handle);
        await rm(claimed, { force: true });
      }
      const claimed = claimedPath(target, unknownBytes);
      return new Unfinished(target, claimed, unknownBytes, await open(claimed, 'wx+'));
    } catch (error) {
      throw diskError(target, error);
    }
  }

  /** Bytes received so far. */
  get bytes(): number {
    return this.#bytes;
  }

  /** The file that the bytes belong to. */
  get fingerprint(): string {
    return this.#fingerprint;
  }

  get resumable(): boolean {
    return this.#fingerprint !== unknownBytes && this.#bytes > 0;
  }

  /** Discards the bytes and starts a file with another fingerprint. */
  async restart(fingerprint: string): Promise<void> {
    try {
      await this.#handle.truncate(0);
      this.#bytes = 0;
      this.#hash = createHash('sha256');
      if (fingerprint === this.#fingerprint) return;
      const path = claimedPath(this.target, fingerprint);
      await rename(this.#path, path);
      this.#path = path;
      this.#fingerprint = fingerprint;
    } catch (error) {
      throw diskError(this.target, error);
    }
  }

  /** @throws ERR_BITNET_FILE; what was written before stays */
  async append(chunk: Uint8Array): Promise<void> {
    try {
      for (let at = 0; at < chunk.length; ) {
        const { bytesWritten } = await this.#handle.write(
          chunk,
          at,
          chunk.length - at,
          this.#bytes,
        );
        this.#hash.update(chunk.subarray(at, at + bytesWritten));
        this.#bytes += bytesWritten;
        at += bytesWritten;
      }
    } catch (error) {
      throw diskError(this.target, error);
    }
  }

  /** SHA-256 of all bytes, once. */
  digest(): string {
    return this.#hash.digest('hex');
  }

  /**
   * Flushes the file to disk, gives it its name, and removes what others left behind.
   * @param there what the user named
   */
  async finish(there: Target | undefined): Promise<void> {
    try {
      await this.#handle.sync();
      await this.#close();
      await there?.checkAgain();
      await rename(this.#path, this.target);
      await syncFolder(dirname(this.target));
    } catch (error) {
      throw diskError(this.target, error);
    }
    const rest = await partialFiles(dirname(this.target), this.target);
    for (const { path, state } of rest) if (state === 'free') await rm(path, { force: true });
  }

  /** Keeps the bytes for a later pull if it can use them; returns whether it can. */
  async release(): Promise<boolean> {
    await this.#close().catch(() => {});
    // Not what was read of it: a claim may be given up before that.
    const size = await lstat(this.#path).then(
      (info) => info.size,
      () => 0,
    );
    if (size === 0 || this.#fingerprint === unknownBytes) {
      await this.discard();
      return false;
    }
    await rename(this.#path, freePath(this.target, this.#fingerprint)).catch(() => {});
    return true;
  }

  /** Removes the file. */
  async discard(): Promise<void> {
    await this.#close().catch(() => {});
    await rm(this.#path, { force: true }).catch(() => {});
  }

  /** Reads the bytes of an earlier pull, because the checksum covers all of them. */
  async #read(signal: AbortSignal | undefined): Promise<this> {
    try {
      const buffer = Buffer.alloc(1024 * 1024);
      for (;;) {
        if (signal?.aborted) throw abortedError(signal);
        const { bytesRead } = await this.#handle.read(buffer, 0, buffer.length, this.#bytes);
        if (bytesRead === 0) return this;
        this.#hash.update(buffer.subarray(0, bytesRead));
        this.#bytes += bytesRead;
      }
    } catch (error) {
      await this.release();
      throw diskError(this.target, error);
    }
  }

  async #close(): Promise<void> {
    clearInterval(this.#alive);
    await this.#handle.close(); // idempotent
  }
}

/** When a file was last written to: tells whether another process has finished it meanwhile. */
async function timeOf(path: string): Promise<number | undefined> {
  const info = await lstat(path).catch(() => undefined);
  return info?.mtimeMs;
}
