import { Command } from 'commander';
import { completeCommand } from './commands/completion.mjs';
import { helpCommand } from './commands/help.mjs';
import { commands } from './commands/index.mjs';
import { environmentHelp } from './environment.mjs';
import { takeLlamaNames } from './llama-names.mjs';
import { addVersion, isVersion } from './version.mjs';

/** Fewest columns for descriptions in which --help still breaks lines between words. */
const minWidthToWrap = 16;

/**
 * `bitnet` with all its commands; what --help, the man page and shell completion are made from.
 * @param first its first argument, if it is to run: of a command that this names no other is needed, and of --version none
 */
export async function bitnetProgram(first?: string): Promise<Command> {
  const program = new Command('bitnet')
    .description('Run 1.58-bit (ternary) language models on this CPU.')
    .configureHelp({ subcommandTerm, minWidthToWrap })
    .enablePositionalOptions() // what follows a command is that command's
    .addHelpText('after', environmentHelp());
  for (const command of isVersion(first) ? [] : await commands(first)) {
    program.addCommand(takeLlamaNames(command).configureHelp({ minWidthToWrap }));
  }
  program.addCommand(completeCommand(), { hidden: true });
  program.helpCommand(false).addCommand(helpCommand(program));
  return addVersion(program);
}

/** `list|ls`, `run [model] [text...]`: without `[options]`, which all of them have. */
function subcommandTerm(command: Command): string {
  const names = [command.name(), ...command.aliases()].join('|');
  return `${names} ${command.usage().replace(/\[options\] ?/, '')}`.trim();
}
