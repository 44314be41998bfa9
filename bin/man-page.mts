import type { Command } from 'commander';
import { environment } from './environment.mjs';
import { bitnetProgram } from './program.mjs';

const exitCodes = [
  ['0', 'done'],
  ['1', 'failed: one sentence on standard error says why'],
  ['2', 'wrong usage'],
  ['130', 'interrupted'],
] as const;

/** The manual page bitnet(1), in roff, from the same definitions as `--help`. */
export async function manPage(version: string): Promise<string> {
  const program = await bitnetProgram();
  const help = program.createHelp();
  const commands = help.visibleCommands(program).filter((command) => command.name() !== 'help');
  const lines = [
    `.TH BITNET 1 "" "bitnet ${version}" "User Commands"`,
    '.SH NAME',
    `bitnet \\- ${roff(sentence(program.description()))}`,
    '.SH SYNOPSIS',
    commands
      .map((command) => `.B bitnet ${roff(command.name())}\n${roff(command.usage())}`)
      .join('\n.br\n'),
    '.SH DESCRIPTION',
    roff(program.description()),
    'A model is a GGUF file or the name of a pulled one; without one, the embedded story model is used.',
    ...options(program),
    '.SH COMMANDS',
    ...commands.flatMap(commandLines),
    '.SH ENVIRONMENT',
    'A variable that is empty counts as unset.',
    ...environment.flatMap(([name, about]) => item(`.B ${roff(name)}`, about)),
    '.SH EXIT STATUS',
    ...exitCodes.flatMap(([code, meaning]) => item(`.B ${code}`, meaning)),
  ];
  return `${lines.join('\n')}\n`;
}

function commandLines(command: Command): string[] {
  const names = [command.name(), ...command.aliases()].join('|');
  return [
    `.SS bitnet ${roff(`${names} ${command.usage()}`)}`,
    roff(command.description()),
    ...command.registeredArguments.flatMap((argument) =>
      item(`.I ${roff(argument.name())}`, argument.description),
    ),
    ...options(command),
    ...closing(command),
  ];
}

function options(command: Command): string[] {
  const help = command.createHelp();
  return help.visibleOptions(command).flatMap((option) => {
    const [, flags, value = ''] = /^([^<]*?) ?(<.*>)?$/.exec(option.flags)!;
    return item(`\\fB${roff(flags!)}\\fR ${roff(value)}`.trim(), help.optionDescription(option));
  });
}

/** What --help says after the options: examples and remarks, as they are. */
function closing(command: Command): string[] {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  const after = text
    .slice(text.indexOf(command.helpInformation()) + command.helpInformation().length)
    .trim();
  return after === '' ? [] : ['.PP', '.nf', ...after.split('\n').map(roff), '.fi'];
}

function item(term: string, about: string): string[] {
  return ['.TP', term, roff(about)];
}

/** `Run models.` as the line of a NAME section has it. */
function sentence(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1).replace(/\.$/, '');
}

/** A line of text in which roff finds nothing to do. */
function roff(text: string): string {
  const plain = text.replaceAll('\\', '\\e').replaceAll('-', '\\-');
  return /^[.']/.test(plain) ? `\\&${plain}` : plain;
}
