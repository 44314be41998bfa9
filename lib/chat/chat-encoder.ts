import type { Tokenizer } from '../tokenizer/index.js';
import type { ChatMessage } from './messages.js';
import { callBudget, spend } from './render.js';
import type { ChatTemplate } from './template.js';
import { encodeAfter, type WrittenPart } from './written-parts.js';

/** What a turn of a chat is encoded with. */
interface EncoderParts {
  readonly tokenizer: Tokenizer;
  /** undefined: every message begins a text of its own. */
  readonly template: ChatTemplate | undefined;
  readonly system: string | undefined;
  /** What the session has of the chat. */
  readonly written: readonly WrittenPart[];
}

/**
 * The tokens of messages, for one turn: whatever it is asked for shares one budget, no text is encoded
 * twice, and no number of messages rendered twice. (They are always the last ones of a chat.)
 */
export function chatEncoder(
  parts: EncoderParts,
): (messages: readonly ChatMessage[]) => WrittenPart[] {
  const { tokenizer, template } = parts;
  if (template) return templateEncoder(parts, template);
  return (messages) => {
    const { content } = messages.at(-1)!;
    return [{ part: content, ids: tokenizer.encode(content, { addSpecial: true }) }];
  };
}

function templateEncoder(
  { tokenizer, system: text, written }: EncoderParts,
  template: ChatTemplate,
): (messages: readonly ChatMessage[]) => WrittenPart[] {
  const system: readonly ChatMessage[] =
    text === undefined ? [] : [{ role: 'system', content: text }];
  const budget = callBudget();
  const encodings = new Map<string, number[]>();
  const encode: Tokenizer['encode'] = (text, options) => {
    const known = options ? undefined : encodings.get(text);
    if (known) return known;
    spend(budget, text.length);
    const ids = tokenizer.encode(text, options);
    if (!options) encodings.set(text, ids);
    return ids;
  };
  const renderings = new Map<number, WrittenPart[]>();
  return (messages) => {
    const known = renderings.get(messages.length);
    if (known) return known;
    const all = [...system, ...messages];
    const parts = template.parts(all, { addGenerationPrompt: true }, budget);
    const encoded = encodeAfter(written, parts, encode);
    renderings.set(messages.length, encoded);
    return encoded;
  };
}
