import { givenOptions, nameOption } from '../../checks/options.js';
import { readGguf } from '../../gguf/reader.js';
import { createTokenizer } from '../../tokenizer/create-tokenizer.js';
import type { Tokenizer, TokenizerOptions } from '../../tokenizer/types.js';
import {
  checkedOverrides,
  type MetadataOverrides,
  overrideMetadata,
} from '../spec/metadata-overrides.js';
import { embeddedModelPath } from './embedded.js';
import { pathAndOptions } from './model-path.js';

export interface LoadTokenizerOptions extends TokenizerOptions {
  /** As the first argument, which then is left out. */
  readonly path?: string | URL | undefined;
  /** Metadata that the file is read with instead of its own, by key. */
  readonly metadataOverrides?: MetadataOverrides | undefined;
}

/**
 * The tokenizer of a GGUF file, or without a path of the embedded story model. Only the file's
 * header is read: it may be a whole model or a vocabulary without weights, and the compiled addon
 * is not needed.
 *
 * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_FILE`, `ERR_BITNET_GGUF`, `ERR_BITNET_TOKENIZER`
 */
export function loadTokenizer(
  path?: string | URL,
  options?: LoadTokenizerOptions,
): Promise<Tokenizer>;
export function loadTokenizer(options: LoadTokenizerOptions): Promise<Tokenizer>;
export async function loadTokenizer(
  first?: string | URL | LoadTokenizerOptions,
  second?: LoadTokenizerOptions,
): Promise<Tokenizer> {
  const { path, options } = pathAndOptions(first, second);
  const given = givenOptions(options, ['path', 'preTokenizer', 'metadataOverrides']);
  const overrides = checkedOverrides(given.metadataOverrides);
  const preTokenizer = nameOption('preTokenizer', given.preTokenizer);
  const named = preTokenizer === undefined ? {} : { preTokenizer };
  const { file } = overrideMetadata(await readGguf(path ?? embeddedModelPath), overrides);
  return createTokenizer(file, named);
}
