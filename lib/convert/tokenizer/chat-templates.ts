import { join } from 'node:path';
import { parse } from '../../chat/render.js';
import { quote } from '../../gguf/malformed.js';
import {
  isArray,
  isObject,
  type JsonObject,
  type JsonValue,
  kindOf,
} from '../../json/json-value.js';
import { maxTemplates } from './limits.js';
import { namesIn, readSettings, readText } from './read-files.js';
import { unfit } from './unfit.js';

/** The chat templates of a checkpoint by name; 'default' is the one for all chats. */
export async function chatTemplates(
  folder: string,
  tokenizerConfig: JsonObject,
): Promise<ReadonlyMap<string, string>> {
  const templates = new Map<string, string>();
  const add = (path: string, name: string, template: string) => {
    if (templates.has(name)) return;
    if (templates.size === maxTemplates) {
      throw unfit(path, 'the chat templates', `at most ${maxTemplates}`, 'more');
    }
    templates.set(name, template);
  };
  const file = join(folder, 'chat_template.jinja');
  const alone = await readText(file);
  if (alone !== undefined) add(file, 'default', alone);
  const more = join(folder, 'additional_chat_templates');
  for (const name of await namesIn(more)) {
    if (!name.endsWith('.jinja')) continue;
    const path = join(more, name);
    add(path, plainName(name.slice(0, -'.jinja'.length)), (await readText(path)) ?? '');
  }
  const old = join(folder, 'chat_template.json');
  const sources: readonly (readonly [path: string, value: JsonValue | undefined])[] = [
    [join(folder, 'tokenizer_config.json'), tokenizerConfig.chat_template],
    [old, (await readSettings(old)).chat_template],
  ];
  for (const [path, value] of sources) {
    for (const [name, template] of namedIn(path, value)) add(path, name, template);
  }
  return templates;
}

/** What is to be said of templates that cannot be parsed here: the model completes texts all the same. */
export function unusable(templates: ReadonlyMap<string, string>): string[] {
  return [...templates].flatMap(([name, template]) => {
    try {
      parse(template);
      return [];
    } catch (error) {
      return [`chat template: ${quote(name)} cannot be used here; ${(error as Error).message}`];
    }
  });
}

/** `chat_template`: a text, or a list of texts with names. */
function namedIn(path: string, value: JsonValue | undefined): [name: string, template: string][] {
  if (value === undefined || value === null) return [];
  if (typeof value === 'string') return [['default', value]];
  const field = 'chat_template';
  if (!isArray(value)) throw unfit(path, field, 'a text or a list', kindOf(value));
  return value.map((entry, i) => {
    const { name, template } = isObject(entry) ? entry : {};
    if (typeof name === 'string' && typeof template === 'string')
      return [plainName(name), template];
    throw unfit(path, `${field} ${i}`, 'a name and a template', kindOf(entry));
  });
}

/** As it can stand in a metadata key. */
function plainName(name: string): string {
  return name.slice(0, 64).replaceAll(/[^A-Za-z0-9]/g, '_');
}
