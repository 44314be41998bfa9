import { BitnetError } from '../../errors.js';
import { fileSentence } from '../../gguf/malformed.js';

/** What to do about a file that contradicts itself. */
export const convertAgain = 'the file is damaged or faulty, convert the model again';

/** What to do about a sound model that this version cannot compute. */
export const notYet = 'models like this cannot run yet';

/** The error for a sound file that does not hold a model this project can run. */
export function modelError(
  path: string,
  field: string,
  expected: string,
  found: string,
  advice: string = convertAgain,
  code: 'ERR_BITNET_MODEL' | 'ERR_BITNET_TYPE' = 'ERR_BITNET_MODEL',
): BitnetError {
  const message = fileSentence(path, field, expected, found, advice);
  return new BitnetError(code, message, { path, field, expected, found });
}
