import {
  isArray,
  isObject,
  type JsonObject,
  type JsonValue,
  kindOf,
} from '../../json/json-value.js';
import { unfit } from './unfit.js';

/** The steps of a `normalizer`, one after the other. */
export function normalizerSteps(path: string, node: JsonValue): JsonObject[] {
  if (node === null) return [];
  if (!isObject(node)) throw unfit(path, 'normalizer', 'an object', kindOf(node));
  if (node.type !== 'Sequence') return [node];
  const { normalizers } = node;
  if (!isArray(normalizers)) {
    throw unfit(path, 'normalizer.normalizers', 'a list', kindOf(normalizers));
  }
  return normalizers.filter(isObject);
}

/** What is said of a normalizer that only composes letters. */
export const composes =
  'normalizer: texts are encoded as they are; other programs first compose letters with their accents (NFC)';
