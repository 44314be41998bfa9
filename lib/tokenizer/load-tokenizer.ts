import { argumentError, checkOptionNames } from '../generate/option-checks.js';
import { readGguf } from '../gguf/reader.js';
import { embeddedModelPath } from '../model/embedded.js';
import {
  checkedOverrides,
  type MetadataOverrides,
  overrideMetadata,
} from '../model/metadata-overrides.js';
import { createTokenizer } from './create-tokenizer.js';
import type { Tokenizer, TokenizerOptions } from './types.js';

export interface LoadTokenizerOptions extends TokenizerOptions {
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
export async function loadTokenizer(
  path?: string,
  options: LoadTokenizerOptions = {},
): Promise<Tokenizer> {
  if (path !== undefined && (typeof path !== 'string' || path === '')) {
    throw argumentError('the path of a GGUF file', 'path', path);
  }
  checkOptionNames(options, ['preTokenizer', 'metadataOverrides']);
  const overrides = checkedOverrides(options.metadataOverrides);
  const { preTokenizer } = options;
  if (preTokenizer !== undefined && typeof preTokenizer !== 'string') {
    throw argumentError('a name', 'option preTokenizer', preTokenizer);
  }
  const named = preTokenizer === undefined ? {} : { preTokenizer };
  const { file } = overrideMetadata(await readGguf(path ?? embeddedModelPath), overrides);
  return createTokenizer(file, named);
}
