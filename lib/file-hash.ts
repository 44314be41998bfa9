import { createHash } from 'node:crypto';
import { openFile } from './gguf/open.js';

/**
 * SHA-256 of regular files one after the other, as if they were one, in hexadecimal digits.
 *
 * @throws AbortError, ERR_BITNET_FILE, and what the system says of a file that cannot be read
 */
export async function filesSha256(
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256');
  const options = { highWaterMark: 2 ** 20, autoClose: false, ...(signal && { signal }) };
  for (const path of paths) {
    const { handle } = await openFile(path);
    try {
      for await (const chunk of handle.createReadStream(options)) hash.update(chunk);
    } finally {
      await handle.close();
    }
  }
  return hash.digest('hex');
}
