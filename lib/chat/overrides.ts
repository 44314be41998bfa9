import type { Decision } from '../decision.js';
import type { Tokenizer } from '../tokenizer/index.js';
import type { VocabularyFile } from '../tokenizer/metadata.js';
import { builtinTemplates } from './builtin-templates.js';

/*
 * Chat templates that are used instead of, or in the absence of, the one in a file, each with its
 * reason. Overrides of tokenizers are in ../tokenizer/quirks.ts.
 */

/** A template, and why it is not the one in the file. */
export interface ChosenTemplate {
  readonly source: string;
  readonly decisions: readonly Decision[];
}

/** The template to use for a file that has `source`, or none; undefined when there is none. */
export function chosenTemplate(
  file: VocabularyFile,
  tokenizer: Tokenizer,
  source: string | undefined,
): ChosenTemplate | undefined {
  if (source?.includes('BITNETAssistant')) {
    return overridden('the one in the file is a placeholder of its converter ("BITNETAssistant")');
  }
  if (source === undefined && is2B4T(file, tokenizer)) {
    return overridden('the file has none, and its architecture and vocabulary are those of 2B-4T');
  }
  return source === undefined ? undefined : { source, decisions: [] };
}

function overridden(reason: string): ChosenTemplate {
  const choice = 'the format of bitnet-b1.58-2B-4T ("User: …<|eot_id|>Assistant: ")';
  return {
    source: builtinTemplates.get('bitnet')!,
    decisions: [{ subject: 'chat template', choice, reason }],
  };
}

function is2B4T(file: VocabularyFile, tokenizer: Tokenizer): boolean {
  const architecture = file.metadata.get('general.architecture');
  return (
    (architecture === 'bitnet-b1.58' || architecture === 'bitnet-25') &&
    tokenizer.controlTokens.get('<|eot_id|>') === 128009
  );
}
