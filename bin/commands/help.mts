import { Command } from 'commander';

/** `bitnet help`: the help of a command, or of them all. */
export function helpCommand(program: Command): Command {
  return new Command('help')
    .description('display help for command')
    .usage('[command]')
    .argument('[command]')
    .action((name: string | undefined, _, help: Command) => {
      if (name === undefined) program.help();
      const command = program.commands.find((one) => [one.name(), ...one.aliases()].includes(name));
      if (command) command.help();
      help.error(`error: unknown command '${name}'`, { code: 'commander.unknownCommand' });
    });
}
