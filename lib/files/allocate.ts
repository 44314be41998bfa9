import { BitnetError } from '../errors.js';

/** Memory for bytes of a file, with an ArrayBuffer of its own so that typed arrays can be laid over it. @throws ERR_BITNET_MEMORY */
export function allocate(path: string, count: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(count);
  } catch (cause) {
    const message = `Expected ${count} bytes of memory to read from "${path}", but the system refused them; close other programs.`;
    throw new BitnetError('ERR_BITNET_MEMORY', message, { path, cause });
  }
}
