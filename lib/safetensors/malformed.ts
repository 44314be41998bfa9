import { BitnetError } from '../errors.js';
import { fileSentence } from '../gguf/malformed.js';

/**
 * The error for a checkpoint that breaks the format, in one sentence.
 *
 * @param field which field, for example `tensor "model.norm.weight" dtype`
 * @param expected completes "to be …"
 * @param found completes "but found …"
 * @param advice what the user can do
 */
export function malformed(
  path: string,
  field: string,
  expected: string,
  found: string,
  advice = 'the file is damaged, download it again',
): BitnetError {
  const message = fileSentence(path, field, expected, found, advice);
  return new BitnetError('ERR_BITNET_SAFETENSORS', message, { path, field, expected, found });
}
