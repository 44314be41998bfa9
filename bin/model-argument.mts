import { stat } from 'node:fs/promises';
import { isAbsolute } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';

/**
 * Puts the paths of pulled models in the place of their names: in a command's argument and option
 * `model`, and in BITNET_MODEL. Runs before the command, so that no command has to know of names.
 */
export async function resolveModels(command: Command): Promise<void> {
  const at = command.registeredArguments.findIndex((argument) => argument.name() === 'model');
  const source = command.getOptionValueSource('model');
  const option: unknown = command.getOptionValue('model');
  if (source !== undefined && typeof option === 'string') {
    command.setOptionValueWithSource('model', await modelPath(option), source);
  }
  if (at === -1) return;
  const { BITNET_MODEL: usual } = process.env;
  // After -m arguments are text.
  const given: unknown = source === 'cli' ? undefined : command.processedArgs[at];
  if (typeof given === 'string') command.processedArgs[at] = await modelPath(given);
  else if (Array.isArray(given) && given.length > 0) {
    command.processedArgs[at] = await Promise.all(given.map(modelPath));
  } else if (usual) process.env.BITNET_MODEL = await modelPath(usual);
}

/** The path of a model given as a path or as the name of a pulled model; a file that is there wins. */
async function modelPath(text: string): Promise<string> {
  if (text === '' || isAbsolute(text) || /^\.{1,2}([/\\]|$)/.test(text)) return text;
  if (await stat(text).catch(() => undefined)) return text;
  // Loaded when a name has to be looked up: commands start without.
  const { BitnetError } = await import('../lib/errors.js');
  const { findModel, listModels, matching, nearestName } = await import('../lib/pull/store.js');
  const models = await listModels();
  if (matching(text, models).length > 0) return (await findModel(text)).path;
  const near = nearestName(text, models);
  if (near === undefined) return text; // the command says that there is no such file
  throw new BitnetError(
    'ERR_BITNET_FILE',
    `Expected a model file or the name of a pulled model, but there is no ${JSON.stringify(text)}; did you mean ${JSON.stringify(near)}?`,
  );
}
