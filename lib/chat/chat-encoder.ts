import { encodeInTurn } from '../tokenizer/encode-in-turn.js';
import type { EncodeOptions, Tokenizer } from '../tokenizer/index.js';
import type { ChatMessage } from './messages.js';
import { callBudget, spend } from './render.js';
import type { ChatTemplate } from './template.js';
import { encodeAfter, type WrittenPart } from './written-parts.js';

/** What is needed to encode a turn of a chat. */
interface EncoderParts {
  readonly tokenizer: Tokenizer;
  /** undefined: every message starts a new text. */
  readonly template: ChatTemplate | undefined;
  readonly system: string | undefined;
  /** What the session has of the chat. */
  readonly written: readonly WrittenPart[];
  /** Ends it. */
  readonly signal?: AbortSignal | undefined;
}

/**
 * The tokens of messages, for one turn: all calls share one budget, no text is encoded
 * twice, and no number of messages rendered twice. (They are always the last ones of a chat.)
 */
export function chatEncoder(
  parts: EncoderParts,
): (messages: readonly ChatMessage[]) => Promise<WrittenPart[]> {
  const { tokenizer, template, signal } = parts;
  if (template) return templateEncoder(parts, template);
  return async (messages) => {
    const { content } = messages.at(-1)!;
    const ids = await encodeInTurn(tokenizer, content, { addSpecial: true }, signal);
    return [{ part: content, ids }];
  };
}

function templateEncoder(
  { tokenizer, system: text, written, signal }: EncoderParts,
  template: ChatTemplate,
): (messages: readonly ChatMessage[]) => Promise<WrittenPart[]> {
  const system: readonly ChatMessage[] =
    text === undefined ? [] : [{ role: 'system', content: text }];
  const budget = callBudget();
  const encodings = new Map<string, number[]>();
  const encode = async (text: string, options?: EncodeOptions) => {
    const known = options ? undefined : encodings.get(text);
    if (known) return known;
    spend(budget, text.length);
    const ids = await encodeInTurn(tokenizer, text, options ?? {}, signal);
    if (!options) encodings.set(text, ids);
    return ids;
  };
  const renderings = new Map<number, WrittenPart[]>();
  return async (messages) => {
    const known = renderings.get(messages.length);
    if (known) return known;
    const all = [...system, ...messages];
    const parts = template.parts(all, { addGenerationPrompt: true }, budget);
    const encoded = await encodeAfter(written, parts, encode);
    renderings.set(messages.length, encoded);
    return encoded;
  };
}
