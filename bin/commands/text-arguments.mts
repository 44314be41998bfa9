import type { Command } from 'commander';
import { readTextFile } from '../prompt.mjs';

/** The options of a command that takes a model and a text. */
export interface TextOptions {
  model?: string;
  prompt?: string;
  file?: string;
}

/** Which of the arguments is the model and which are the text, for commands with `-m`, `-p` and `-f`. */
export function modelAndText(
  argument: string | undefined,
  words: readonly string[],
  options: TextOptions,
  command: Command,
): { path: string | undefined; text: string | undefined } {
  // After -m all arguments are text; a model from the environment gives way to one that is named.
  const named = command.getOptionValueSource('model') === 'cli';
  const path = named ? options.model : (argument ?? (options.model || undefined));
  const trailing = named && argument !== undefined ? [argument, ...words] : words;
  if (trailing.length > 0 && (options.prompt !== undefined || options.file !== undefined)) {
    command.error(
      `error: Expected one prompt, but received ${JSON.stringify(trailing.join(' '))} besides ${options.file === undefined ? '-p' : '-f'}.`,
    );
  }
  return { path, text: trailing.length > 0 ? trailing.join(' ') : options.prompt };
}

/** What an option gives as text, or another one as a file. */
export async function fileOrText(
  file: string | undefined,
  text: string | undefined,
): Promise<string | undefined> {
  return file === undefined ? text : readTextFile(file);
}
