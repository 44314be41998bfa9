import type { BitnetError } from '../../errors.js';
import { faulty } from '../../tokenizer/faulty.js';

/**
 * The error for a file of a checkpoint that no tokenizer can be made of, in one sentence.
 *
 * @param field which part, for example `model.merges 17`
 * @param expected completes "to be …"
 * @param found completes "but found …"
 * @param advice what the user can do
 */
export function unfit(
  path: string,
  field: string,
  expected: string,
  found: string,
  advice: string = damaged,
): BitnetError {
  return faulty({ path }, field, expected, found, advice);
}

const damaged = 'the file is damaged, download it again';

/** Advice where the file is sound, but of a kind that the engine cannot follow. */
export const notSupported = 'this tokenizer is not supported';
