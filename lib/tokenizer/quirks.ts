import type { Decision } from '../decision.js';
import type { GgufStrings } from '../gguf/array.js';
import { quote } from '../gguf/malformed.js';
import { endTexts } from './end-of-generation.js';
import { looksSpecial, type SpecialIds } from './special-ids.js';
import type { Vocabulary } from './vocabulary.js';

/*
 * Every override of what a file says, or does not say, about its tokenizer, each with its reason.
 * What was applied is reported in `Tokenizer.decisions`.
 */

/**
 * The pre-tokenizer of a byte-level vocabulary without `tokenizer.ggml.pre`. The official
 * bitnet-b1.58-2B-4T file is one: it has the LLaMA-3 vocabulary, which needs the LLaMA-3 splitting.
 */
export function missingPreTokenizer(tokens: GgufStrings, merges: number): Decision {
  const is = (id: number, text: string) => id < tokens.length && tokens.string(id) === text;
  const subject = 'pre-tokenizer';
  if (is(128000, '<|begin_of_text|>') || (tokens.length === 128256 && merges === 280147)) {
    return {
      subject,
      choice: 'llama-bpe',
      reason: 'the file names none and has the LLaMA-3 vocabulary',
    };
  }
  if (is(151644, '<|im_start|>')) {
    return {
      subject,
      choice: 'qwen2',
      reason: 'the file names none and has the Qwen 2 vocabulary',
    };
  }
  return {
    subject,
    choice: 'default',
    reason: 'the file names none and the vocabulary is not a known one',
    warning: true,
  };
}

/**
 * Whether a token that the file marks as ordinary text is a control token all the same, by its
 * text: some converters mark none, and then `<|eot_id|>` would be printed instead of ending a turn.
 */
export function isControl(id: number, text: string, ids: SpecialIds): boolean {
  if (/^<\|.*\|>$/.test(text) && endTexts.has(text)) return true;
  const named = id === ids.bos || id === ids.eos || id === ids.eot || id === ids.eom;
  return named && looksSpecial(text);
}

/** What to report about tokens that `isControl` found. */
export function unmarkedControl(vocabulary: Vocabulary): Decision[] {
  const { unmarked } = vocabulary;
  if (unmarked.length === 0) return [];
  return [
    {
      subject: 'control tokens',
      choice: names(
        unmarked.map((token) => token.id),
        vocabulary,
      ),
      reason: 'the file marks them as ordinary text, so they would be printed',
    },
  ];
}

/** What to report about byte tokens that are known by their text alone. */
export function unmarkedByteTokens({ unmarkedBytes }: Vocabulary): Decision[] {
  if (unmarkedBytes === 0) return [];
  const reason = 'the file marks none, and their texts, such as <0x0A>, are those of bytes';
  return [{ subject: 'byte tokens', choice: String(unmarkedBytes), reason }];
}

/**
 * What to report about stop tokens beyond the one the file names: the official 2B-4T file names
 * 128001 `<|end_of_text|>`, while the model ends its turns with 128009 `<|eot_id|>`.
 */
export function extraStopTokens(
  end: ReadonlySet<number>,
  ids: SpecialIds,
  vocabulary: Vocabulary,
): Decision[] {
  const named = [ids.eos, ids.eot, ids.eom, ...ids.ends];
  const extra = [...end].filter((id) => !named.includes(id));
  if (extra.length === 0) return [];
  return [
    {
      subject: 'stop tokens',
      choice: names([...end], vocabulary),
      reason: `the file does not name ${names(extra, vocabulary)}, which ends a text too`,
    },
  ];
}

/** `128009 "<|eot_id|>", …`, the first few. */
function names(ids: readonly number[], { texts }: Vocabulary): string {
  const named = ids
    .slice(0, 8)
    .map((id) => `${id} ${quote(Buffer.from(texts.bytes(id)).toString())}`);
  return named.join(', ') + (ids.length > 8 ? ', …' : '');
}
