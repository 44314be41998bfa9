import { existsSync } from 'node:fs';
import { Option } from 'commander';
import type { ChatTemplateOption } from '../lib/index.js';
import { readTextFile } from './prompt.mjs';

/** `--chat-template`. */
export function chatTemplateOption(): Option {
  return new Option('--chat-template <name>', "a format's name (llama3, chatml, …), or a file");
}

/**
 * What `--chat-template` means: a built-in name, as llama.cpp has them; a file; a template itself; or the
 * name of one that the model has besides its own.
 */
export async function chatTemplateFor(
  argument: string | undefined,
): Promise<ChatTemplateOption | undefined> {
  if (argument === undefined) return undefined;
  const { chatTemplateNames } = await import('../lib/index.js');
  if (chatTemplateNames.includes(argument)) return { name: argument };
  if (/\{[{%]/.test(argument)) return argument;
  if (existsSync(argument) || /[/\\]|\.jinja$/.test(argument)) return readTextFile(argument);
  return { name: argument };
}
