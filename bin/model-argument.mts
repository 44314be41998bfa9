import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import type { Command } from 'commander';

/**
 * Puts the paths of pulled models in the place of their names: in a command's option and argument `model`. Runs before the command,
 * so that no command has to know of names. An argument that may as well be a text is left to `modelAndText`, and what BITNET_MODEL
 * names to `defaultModel`: a command may do without it.
 */
export async function resolveModels(command: Command): Promise<void> {
  if (command.getOptionValueSource('model') === 'cli') {
    const paths = await modelPaths(command.getOptionValue('model'));
    command.setOptionValueWithSource('model', paths, 'cli');
  }
  const names = command.registeredArguments.map((argument) => argument.name());
  const at = names.indexOf('model');
  if (at === -1 || names.length > 1) return;
  command.processedArgs[at] = await modelPaths(command.processedArgs[at]);
}

/** The model that a command's argument or `-m` names, else the one in BITNET_MODEL, else undefined for the embedded one. */
export async function theModel(
  argument: string | undefined,
  command: Command,
): Promise<string | undefined> {
  if (argument !== undefined && command.getOptionValueSource('model') === 'cli') {
    command.error('error: Expected one model, but received an argument besides -m.');
  }
  return argument ?? defaultModel(command);
}

/** The model where no argument names one: that of `-m`, else of BITNET_MODEL, else undefined for the embedded one. */
export async function defaultModel(command: Command): Promise<string | undefined> {
  const option: unknown = command.getOptionValue('model');
  // bench takes several, of which BITNET_MODEL gives one
  const [name]: unknown[] = Array.isArray(option) ? option : [option];
  if (typeof name !== 'string' || name === '') return undefined;
  return command.getOptionValueSource('model') === 'env' ? modelPath(name) : name;
}

/** What an argument is where both a model and a text may stand; undefined: it could be either. */
export async function modelOrText(argument: string): Promise<'model' | 'text' | undefined> {
  const there = await stat(argument).catch(() => undefined);
  if ((there && !there.isDirectory()) || /\.gguf$/i.test(argument)) return 'model';
  const { isModelName, listModels } = await import('../lib/pull/store.js');
  if (isModelName(argument, await listModels())) return 'model';
  return /\s/.test(argument) ? 'text' : undefined;
}

/** The path of a model given as a path or as the name of a pulled model; a file that is there wins. */
export async function modelPath(text: string): Promise<string> {
  if (text === '' || isAbsolute(text) || /^\.{1,2}([/\\]|$)/.test(text)) return text;
  if (await stat(text).catch(() => undefined)) return text;
  // Loaded when a name has to be looked up: commands start without.
  const { BitnetError } = await import('../lib/errors.js');
  const { findModel, isModelName, listModels, nearestName } = await import('../lib/pull/store.js');
  const models = await listModels();
  if (isModelName(text, models)) return (await findModel(text)).path;
  const near = nearestName(text, models);
  if (near === undefined) return text; // the command says that there is no such file
  throw new BitnetError(
    'ERR_BITNET_FILE',
    `Expected a model file or the name of a pulled model, but there is no ${JSON.stringify(text)}; did you mean ${JSON.stringify(near)}?`,
    { path: text },
  );
}

/** The same for one or several, or for none. */
async function modelPaths(names: unknown): Promise<unknown> {
  if (Array.isArray(names)) return Promise.all(names.map(modelPath));
  return typeof names === 'string' ? modelPath(names) : names;
}
