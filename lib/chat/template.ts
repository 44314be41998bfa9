import type { Decision } from '../decision.js';
import type { Tokenizer } from '../tokenizer/index.js';
import type { VocabularyFile } from '../tokenizer/metadata.js';
import { chatParts } from './encode-chat.js';
import { type ChatMessage, checkedMessages } from './messages.js';
import { chosenTemplate } from './overrides.js';
import { type Budget, callBudget, parse, render, type Template } from './render.js';

export type { ChatMessage } from './messages.js';

const key = 'tokenizer.chat_template';

export interface ChatOptions {
  /**
   * Whether to end with the words that make the model answer.
   * @default false
   */
  readonly addGenerationPrompt?: boolean;
}

/** How a model wants its chats written. */
export interface ChatTemplate {
  /** The template, in the Jinja language. */
  readonly source: string;
  /** Why it is not the one in the file, if so. */
  readonly decisions: readonly Decision[];
  /**
   * The chat as one text, for display: to feed a model, use `encode`, which tells the template's
   * control tokens from the same characters in a message.
   *
   * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_TEMPLATE
   */
  apply(messages: readonly ChatMessage[], options?: ChatOptions): string;
  /**
   * The chat as token ids, with the begin token once if the model wants it. Whatever the messages
   * contain, control tokens come from the template alone.
   *
   * @throws ERR_BITNET_ARGUMENT, ERR_BITNET_TEMPLATE
   */
  encode(messages: readonly ChatMessage[], options?: ChatOptions): number[];
  /**
   * What `encode` tokenises: control tokens, and the texts between.
   *
   * @param budget what the call that this is a part of may still cost
   */
  parts(
    messages: readonly ChatMessage[],
    options?: ChatOptions,
    budget?: Budget,
  ): readonly (string | number)[];
}

/**
 * The chat template of a file, or the right one for known files with a wrong one; undefined when
 * there is none. It is parsed when first used, so that a faulty one does not keep a model from
 * completing text.
 */
export function chatTemplate(file: VocabularyFile, tokenizer: Tokenizer): ChatTemplate | undefined {
  const chosen = chosenTemplate(file, tokenizer, templateSource(file));
  if (chosen === undefined) return undefined;
  const { source, decisions } = chosen;
  const text = renderer(source, tokenizer);
  const parts: ChatTemplate['parts'] = (messages, options, budget = callBudget()) =>
    chatParts(tokenizer, checkedMessages(messages), source, (variant) =>
      text(variant, budget, options),
    );
  return {
    source,
    decisions,
    apply: (messages, options) => text(checkedMessages(messages), callBudget(), options),
    encode: (messages, options) =>
      parts(messages, options).flatMap((part) =>
        typeof part === 'string' ? tokenizer.encode(part) : part,
      ),
    parts,
  };
}

function templateSource(file: VocabularyFile): string | undefined {
  const value = file.metadata.get(key);
  return typeof value === 'string' ? value : undefined;
}

/** What to report about a file whose entry cannot be a template: the model still completes text. */
export function unusableTemplate(file: VocabularyFile): Decision[] {
  const value = file.metadata.get(key);
  if (value === undefined || typeof value === 'string') return [];
  const found = typeof value === 'object' ? `an array of ${value.length}` : `${value}`;
  const reason = `its ${key} is ${found} instead of a text and cannot be used`;
  return [{ subject: 'chat template', choice: 'none from the file', reason, warning: true }];
}

function renderer(source: string, tokenizer: Tokenizer) {
  let parsed: Template | undefined;
  const textOf = (id: number | undefined) => (id === undefined ? '' : tokenizer.tokenText(id));
  const tokens = { bos_token: textOf(tokenizer.bos), eos_token: textOf(tokenizer.eos) };
  return (messages: readonly ChatMessage[], budget: Budget, options: ChatOptions = {}): string => {
    parsed ??= parse(source);
    const variables = {
      ...tokens,
      messages,
      add_generation_prompt: options.addGenerationPrompt === true,
      // Templates are written for a renderer that always defines these two.
      tools: null,
      documents: null,
    };
    return render(parsed, variables, budget);
  };
}
