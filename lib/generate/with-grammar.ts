import { prepareGrammar } from '../grammar/prepare.js';
import type { Tokenizer } from '../tokenizer/types.js';
import type { GenerateSettings } from './options.js';

/**
 * Settings whose grammar or schema is known to be good.
 *
 * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_GRAMMAR, ERR_BITNET_SCHEMA
 */
export function withGrammar(settings: GenerateSettings, tokenizer: Tokenizer): GenerateSettings {
  const prepared = prepareGrammar(settings, tokenizer);
  return prepared ? { ...settings, prepared } : settings;
}
