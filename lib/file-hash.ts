import { createHash } from 'node:crypto';
import { abortError } from './abort.js';
import { openFile } from './gguf/open.js';

/** Bytes that are read at once; between two of these the signal is looked at. */
const pieceBytes = 2 ** 20;

/**
 * SHA-256 of regular files one after the other, as if they were one, in hexadecimal digits.
 *
 * @throws ERR_BITNET_ABORTED, ERR_BITNET_FILE, and what the system says of a file that cannot be read
 */
export async function filesSha256(
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256');
  const buffer = Buffer.allocUnsafe(pieceBytes);
  for (const path of paths) {
    const { handle } = await openFile(path);
    try {
      for (;;) {
        if (signal?.aborted) throw abortError('The checksum was aborted.', signal.reason);
        const { bytesRead } = await handle.read(buffer, 0, pieceBytes, null);
        if (bytesRead === 0) break;
        hash.update(buffer.subarray(0, bytesRead));
      }
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}
