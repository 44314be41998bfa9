import { argumentError, nearest, received } from '../checks/options.js';
import type { Decision } from '../decision.js';
import { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';
import type { VocabularyFile } from '../tokenizer/metadata.js';
import { builtinTemplates, chatTemplateNames } from './builtin-templates.js';
import type { ChosenTemplate } from './overrides.js';

/**
 * A chat template to use instead of the file's: its source in the Jinja language, or the name of
 * another one in the file (`tokenizer.chat_template.<name>`), or of a built-in one (see
 * `chatTemplateNames`).
 */
export type ChatTemplateOption = string | { readonly name: string };

/** @throws ERR_BITNET_ARGUMENT */
export function checkedTemplateOption(option: unknown): ChatTemplateOption | undefined {
  if (option === undefined || option === null) return undefined;
  if (typeof option === 'string' && option !== '') return checkedSource(option);
  const name = (option as { name?: unknown }).name;
  if (typeof name === 'string') return { name };
  throw argumentError(
    'the source of a Jinja template, or { name } of one,',
    'option chatTemplate',
    option,
  );
}

/** Whether a text can be a template: one without tags would print itself and never the messages. */
export function hasTags(source: string): boolean {
  return /\{[{%]/.test(source);
}

/** Explains a name or the path of a file given instead of a source. */
function checkedSource(source: string): string {
  if (hasTags(source)) return source;
  const near = builtinTemplates.has(source) ? source : nearest(source, chatTemplateNames);
  const help =
    near === undefined ? 'a name is given as { name }.' : `did you mean { name: '${near}' }?`;
  throw new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected the source of a Jinja template, with {{ or {%, for option chatTemplate, but received ${received(source)}; ${help}`,
    { option: 'chatTemplate' },
  );
}

/** The additional templates of a file, by name. */
export function namedTemplates({ metadata }: VocabularyFile): ReadonlyMap<string, string> {
  const named = new Map<string, string>();
  for (const [key, value] of metadata) {
    if (key.startsWith(prefix) && typeof value === 'string')
      named.set(key.slice(prefix.length), value);
  }
  return named;
}

const prefix = 'tokenizer.chat_template.';

/**
 * The template that an option asks for.
 *
 * @param named the additional ones of the file; they take precedence over built-in ones
 * @throws ERR_BITNET_ARGUMENT when there is none of this name
 */
export function askedTemplate(
  option: ChatTemplateOption,
  named: ReadonlyMap<string, string>,
): ChosenTemplate {
  if (typeof option === 'string') return asked(option, 'the one given');
  const { name } = option;
  const ofFile = named.get(name);
  if (ofFile !== undefined) return asked(ofFile, `${quote(name)} of the file`);
  const builtin = builtinTemplates.get(name);
  if (builtin !== undefined) return asked(builtin, `the built-in ${quote(name)}`);
  throw unknownName(name, named);
}

function asked(source: string, choice: string): ChosenTemplate {
  const decision: Decision = { subject: 'chat template', choice, reason: 'it was asked for' };
  return { source, decisions: [decision] };
}

function unknownName(name: string, named: ReadonlyMap<string, string>): BitnetError {
  const own = [...named.keys()].slice(0, mostNames).map(quote).join(', ');
  const ofFile = own === '' ? '' : `, or of the model: ${own}`;
  const near = nearest(name, chatTemplateNames);
  const help =
    near === undefined
      ? 'choose one of these, or give the template itself.'
      : `did you mean ${near}?`;
  return new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected the name of a chat template (${chatTemplateNames.join(', ')}${ofFile}), but received ${quote(name)}; ${help}`,
    { option: 'chatTemplate' },
  );
}

/** Names from a model, as part of a sentence. */
const mostNames = 8;
