import type { Command, CommanderError } from 'commander';
import { nearest } from '../lib/generate/option-checks.js';

/** What a CommanderError says, with what was probably meant where commander does not know it. @param active the command that was called */
export function usageMessage(error: CommanderError, active: Command): string {
  const message = error.message.replace(/^error: /, '').replaceAll(/(?<!\s)\s*\n\s*/g, ' ');
  if (active.parent !== null) {
    return error.code === 'commander.unknownOption' ? unknownOption(message, active) : message;
  }
  if (error.code === 'commander.unknownOption' && !message.includes('Did you mean')) {
    return `${message}; options follow a command, as in "bitnet run -p Hello"`;
  }
  return error.code === 'commander.unknownCommand' ? unknownCommand(message, active) : message;
}

/** Commander looks at one name of an option only. */
function unknownOption(message: string, { options }: Command): string {
  const flag = /'(--[^']+)'$/.exec(message)?.[1];
  if (flag === undefined) return message;
  const known = options.flatMap(({ short, long }) => [short, long]);
  const near = nearest(
    flag.slice(2),
    known.filter((name) => name?.startsWith('--')).map((name) => name!.slice(2)),
  );
  return near === undefined ? message : `${message} (Did you mean --${near}?)`;
}

/** The beginning or another form of a command's name comes before names that are as long. */
function unknownCommand(message: string, program: Command): string {
  const [name = ''] = program.args;
  const [plain] = message.split(' (Did you mean');
  if (/\.gguf$|\s/i.test(name))
    return `${plain} (Did you mean bitnet run ${JSON.stringify(name)}?)`;
  const commands = program.commands.map((command) => command.name());
  const begun = commands.find((known) => name.startsWith(known) || known.startsWith(name));
  if (begun !== undefined && name.length > 2) return `${plain} (Did you mean ${begun}?)`;
  const near = message === plain ? nearest(name, commands) : undefined;
  return near === undefined ? message : `${plain} (Did you mean ${near}?)`;
}
