import { existsSync } from 'node:fs';
import { Option } from 'commander';
import { BitnetError } from '../lib/errors.js';
import type { ChatTemplateOption } from '../lib/index.js';
import { readTextFile } from './prompt.mjs';

/** `--chat-template`. */
export function chatTemplateOption(): Option {
  return new Option('--chat-template <name>', 'template name (llama3, chatml, …) or file');
}

/**
 * What `--chat-template` means: a built-in name, as llama.cpp has them; a file; a template itself; or the
 * name of one that the model has besides its own.
 */
export async function chatTemplateFor(
  argument: string | undefined,
): Promise<ChatTemplateOption | undefined> {
  if (argument === undefined) return undefined;
  const { chatTemplateNames } = await import('../lib/chat/builtin-templates.js');
  const { hasTags } = await import('../lib/chat/template-choice.js');
  if (chatTemplateNames.includes(argument)) return { name: argument };
  if (hasTags(argument)) return argument;
  if (!existsSync(argument) && !/[/\\]|\.jinja$/.test(argument)) return { name: argument };
  const source = await readTextFile(argument);
  if (hasTags(source)) return source;
  throw new BitnetError(
    'ERR_BITNET_FILE',
    `Expected the file ${JSON.stringify(argument)} to hold a Jinja template, but it has neither {{ nor {%; give another file, or the name of a format.`,
  );
}
