import { JsonCursor } from '../json/json-cursor.js';
import { maxDepth, maxSkipped, maxTensors } from './limits.js';
import { malformed } from './malformed.js';

/** Reads the JSON of a header or an index; its errors are ERR_BITNET_SAFETENSORS. */
export function safetensorsJson(path: string, subject: string, bytes: Buffer): JsonCursor {
  const limits = { members: maxTensors, depth: maxDepth, values: maxSkipped };
  return new JsonCursor(subject, bytes, limits, (...fault) => malformed(path, ...fault));
}
