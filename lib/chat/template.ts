import type { Decision } from '../decision.js';
import type { Tokenizer } from '../tokenizer/index.js';
import type { VocabularyFile } from '../tokenizer/metadata.js';
import { chatParts } from './encode-chat.js';
import { type ChatMessage, checkedMessages } from './messages.js';
import { type ChosenTemplate, chosenTemplate } from './overrides.js';
import { type Budget, callBudget, parse, render, type Template } from './render.js';
import { askedTemplate, type ChatTemplateOption, namedTemplates } from './template-choice.js';

export type { ChatMessage } from './messages.js';

const key = 'tokenizer.chat_template';

export interface ChatOptions {
  /**
   * Whether to end with the prompt for the model's answer.
   * @default false
   */
  readonly addGenerationPrompt?: boolean;
}

/** How a model expects its chats to be formatted. */
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
   * What `encode` tokenizes: control tokens, and the texts between.
   *
   * @param budget the remaining budget of the call
   */
  parts(
    messages: readonly ChatMessage[],
    options?: ChatOptions,
    budget?: Budget,
  ): readonly (string | number)[];
}

/** The chat templates of a model. */
export interface ModelTemplates {
  /** What chats use unless they ask for another; undefined when there is none. */
  readonly standard: ChatTemplate | undefined;
  /** The names of the additional ones in the file. */
  readonly names: readonly string[];
  readonly decisions: readonly Decision[];
  /**
   * @param option undefined: the standard one
   * @throws ERR_BITNET_ARGUMENT for an unknown name, ERR_BITNET_TEMPLATE when it cannot be parsed
   */
  forChat(option: ChatTemplateOption | undefined): ChatTemplate | undefined;
}

/**
 * The chat templates of a file. The standard one is what `option` asks for, the file's, or the right one
 * for known files with a wrong one. It is parsed when first used, so that a faulty one does not keep a
 * model from completing text.
 *
 * @throws ERR_BITNET_ARGUMENT when `option` names none
 */
export function modelTemplates(
  file: VocabularyFile,
  tokenizer: Tokenizer,
  option?: ChatTemplateOption,
): ModelTemplates {
  const named = namedTemplates(file);
  const chosen = option
    ? askedTemplate(option, named)
    : chosenTemplate(file, tokenizer, templateSource(file));
  const standard = chosen && template(chosen, tokenizer);
  return {
    standard,
    names: [...named.keys()],
    decisions: standard?.decisions ?? unusableTemplate(file),
    forChat(other) {
      const used =
        other === undefined ? standard : template(askedTemplate(other, named), tokenizer);
      used?.check();
      return used;
    },
  };
}

interface CheckedTemplate extends ChatTemplate {
  /** @throws ERR_BITNET_TEMPLATE when it cannot be parsed */
  check(): void;
}

function template({ source, decisions }: ChosenTemplate, tokenizer: Tokenizer): CheckedTemplate {
  const { text, check } = renderer(source, tokenizer);
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
    check,
  };
}

function templateSource(file: VocabularyFile): string | undefined {
  const value = file.metadata.get(key);
  return typeof value === 'string' && value.trim() !== '' ? value : undefined;
}

/** What to report about a file whose entry cannot be a template: the model still completes text. */
function unusableTemplate(file: VocabularyFile): Decision[] {
  const value = file.metadata.get(key);
  if (value === undefined || templateSource(file) !== undefined) return [];
  const kind = typeof value === 'object' ? `an array of ${value.length}` : `${value}`;
  const found = typeof value === 'string' ? 'empty' : `${kind} instead of a text`;
  const reason = `its ${key} is ${found} and cannot be used; --chat-template (chatTemplate) gives another`;
  return [{ subject: 'chat template', choice: 'none from the file', reason, warning: true }];
}

function renderer(source: string, tokenizer: Tokenizer) {
  let known: Template | undefined;
  const parsed = (): Template => {
    known ??= parse(source);
    return known;
  };
  const textOf = (id: number | undefined) => (id === undefined ? '' : tokenizer.tokenText(id));
  const tokens = { bos_token: textOf(tokenizer.bos), eos_token: textOf(tokenizer.eos) };
  const text = (messages: readonly ChatMessage[], budget: Budget, options: ChatOptions = {}) => {
    const variables = {
      ...tokens,
      messages,
      add_generation_prompt: options.addGenerationPrompt === true,
      // Templates are written for a renderer that always defines these two.
      tools: null,
      documents: null,
    };
    return render(parsed(), variables, budget);
  };
  return { text, check: () => void parsed() };
}
