import type { Command, CommanderError } from 'commander';
import { nearest } from '../lib/checks/options.js';
import { nearestOption } from './llama-names.mjs';

/** The message of a CommanderError, with a suggestion where commander has none. @param active the command that was called */
export function usageMessage(error: CommanderError, active: Command): string {
  const message = error.message.replace(/^error: /, '').replaceAll(/(?<!\s)\s*\n\s*/g, ' ');
  if (error.code === 'commander.unknownOption') return unknownOption(message, active);
  return error.code === 'commander.unknownCommand' ? unknownCommand(message, active) : message;
}

function unknownOption(message: string, command: Command): string {
  const [, flag = ''] = /'([^'=]*)/.exec(message) ?? [];
  const isVersion = command.parent !== null && /^(--version|-v|-V)$/.test(flag);
  const near = isVersion ? 'bitnet --version' : nearestOption(flag, command);
  if (near !== undefined) return `${message} (Did you mean ${near}?)`;
  return command.parent === null
    ? `${message}; options follow a command, as in "bitnet run -p Hello"`
    : message;
}

/** The beginning or another form of a command's name comes before names that are as long. */
function unknownCommand(message: string, active: Command): string {
  const [name = ''] = active.args;
  const program = active.parent ?? active; // bitnet help
  if (/\.gguf$|\s/i.test(name))
    return `${message} (Did you mean bitnet run ${JSON.stringify(name)}?)`;
  const names = program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
  const begun = names.find((known) => name.startsWith(known) || known.startsWith(name));
  const near = begun !== undefined && name.length > 2 ? begun : nearest(name, names);
  return near === undefined ? message : `${message} (Did you mean ${near}?)`;
}
