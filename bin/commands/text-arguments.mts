import type { Command } from 'commander';
import { defaultModel, modelOrText, modelPath } from '../model-argument.mjs';
import { type Reading, readTextFile } from '../prompt.mjs';

/** The options of a command that takes a model and a text. */
export interface TextOptions {
  model?: string;
  prompt?: string;
  file?: string;
}

/**
 * Which of the arguments is the model and which are the text, for commands with `-m`, `-p` and `-f`: the first one is the model if
 * it is a file that is there, the name of a pulled model or something that ends in `.gguf`, and text if white space is in it.
 */
export async function modelAndTexts(
  argument: string | undefined,
  words: readonly string[],
  options: TextOptions,
  command: Command,
): Promise<{ path: string | undefined; texts: readonly string[] }> {
  const { prompt, file } = options;
  const given =
    prompt === undefined && file === undefined ? undefined : prompt === undefined ? '-f' : '-p';
  const { path, texts } = await told(argument, words, given !== undefined, command);
  if (texts.length > 0 && given !== undefined) {
    command.error(
      `error: Expected one prompt, but received ${JSON.stringify(texts.join(' '))} besides ${given}.`,
    );
  }
  return { path, texts: prompt === undefined ? texts : [prompt] };
}

/** The same for a command with a single text, which its words make together. */
export async function modelAndText(
  ...given: Parameters<typeof modelAndTexts>
): Promise<{ path: string | undefined; text: string | undefined }> {
  const { path, texts } = await modelAndTexts(...given);
  return { path, text: texts.length > 0 ? texts.join(' ') : undefined };
}

/** What an option gives as text, or another one as a file. */
export async function fileOrText(
  file: string | undefined,
  text: string | undefined,
  reading?: Reading,
): Promise<string | undefined> {
  return file === undefined ? text : readTextFile(file, reading);
}

/** Model and texts told apart, whatever the options say besides. */
async function told(
  argument: string | undefined,
  words: readonly string[],
  hasText: boolean,
  command: Command,
): Promise<{ path: string | undefined; texts: readonly string[] }> {
  // After -m all arguments are text; a model from the environment gives way to one that is named.
  if (argument === undefined) return { path: await defaultModel(command), texts: [] };
  const all = [argument, ...words];
  const named = command.getOptionValueSource('model') === 'cli';
  const kind = named ? 'text' : await modelOrText(argument);
  if (kind === 'text') return { path: await defaultModel(command), texts: all };
  // With the text in an option it can only be a model.
  if (kind === 'model' || hasText) return { path: await modelPath(argument), texts: words };
  const [name, text] = [argument, all.join(' ')].map((part) => JSON.stringify(part));
  return command.error(
    `error: Expected a model or a text, but ${name} is neither a file, nor a pulled model, nor a text of several words; for a model, see bitnet list and bitnet pull --list; for a text, write -p ${text}.`,
  );
}
