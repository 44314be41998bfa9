import { BitnetError } from '../errors.js';

/** The file a vocabulary comes from, for error messages. */
export interface Source {
  readonly path: string;
}

/**
 * The error for a vocabulary that cannot be used, in one sentence.
 *
 * @param field which part, for example `metadata "tokenizer.ggml.scores"`
 * @param expected completes "to be …"
 * @param found completes "but found …"
 * @param advice what the user can do
 */
export function faulty(
  source: Source,
  field: string,
  expected: string,
  found: string,
  advice = 'the vocabulary is damaged, download or convert the model again',
): BitnetError {
  const message = `Expected ${field} of "${source.path}" to be ${expected}, but found ${found}; ${advice}.`;
  return new BitnetError('ERR_BITNET_TOKENIZER', message, {
    path: source.path,
    field,
    expected,
    found,
  });
}
