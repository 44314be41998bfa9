import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { abortError } from './abort.js';

/**
 * SHA-256 of files one after the other, as if they were one, in hexadecimal digits.
 *
 * @throws `ERR_BITNET_ABORTED`, and what the system says of a file that cannot be read
 */
export async function filesSha256(
  paths: readonly string[],
  signal: AbortSignal | undefined,
): Promise<string> {
  const hash = createHash('sha256');
  const options = { highWaterMark: 2 ** 20, ...(signal && { signal }) };
  try {
    for (const path of paths) {
      for await (const chunk of createReadStream(path, options)) hash.update(chunk);
    }
  } catch (error) {
    throw signal?.aborted ? abortError('Reading the file was aborted.', signal.reason) : error;
  }
  return hash.digest('hex');
}
