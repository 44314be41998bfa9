import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/**
 * SHA-256 of files one after the other, as if they were one, in hexadecimal digits.
 *
 * @throws AbortError, and what the system says of a file that cannot be read
 */
export async function filesSha256(
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256');
  const options = { highWaterMark: 2 ** 20, ...(signal && { signal }) };
  for (const path of paths) {
    for await (const chunk of createReadStream(path, options)) hash.update(chunk);
  }
  return hash.digest('hex');
}
