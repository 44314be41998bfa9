import type { Argument, Command, Option } from 'commander';
import { escaped } from './escape.mjs';

/** Stands for the names of files, which the shell knows best. */
const files = ':';

/**
 * Candidates for the last of these words, each with a description after a tab; ":" for files. From the same
 * definitions as `--help`.
 */
export async function candidates(program: Command, words: readonly string[]): Promise<string[]> {
  const before = words.slice(0, -1);
  const current = words.at(-1) ?? '';
  const at = before.findIndex((word) => !word.startsWith('-'));
  if (at === -1) {
    return begun(current.startsWith('-') ? optionLines(program) : commandLines(program), current);
  }
  const command = program.commands.find((one) =>
    [one.name(), ...one.aliases()].includes(before[at]!),
  );
  if (command === undefined) return [];
  const { option, prefix, value } = optionBefore(command, before, current);
  if (option !== undefined) {
    return begun(
      (await valuesOf(option)).map((line) => (line === files ? line : prefix + line)),
      prefix + value,
    );
  }
  if (current.startsWith('-')) return begun(optionLines(command), current);
  return begun(await argumentValues(command, before.slice(at + 1)), current);
}

/** The option whose value is to be completed; bash makes words of `--name=value`, other shells do not. */
function optionBefore(command: Command, before: readonly string[], current: string) {
  const [, name, typed] = /^(--[^=]+)=(.*)$/s.exec(current) ?? [];
  if (name !== undefined)
    return { option: withValue(command, name), prefix: `${name}=`, value: typed! };
  const split = current === '=' || before.at(-1) === '=';
  const flag = current === '=' ? before.at(-1) : split ? before.at(-2) : before.at(-1);
  return { option: withValue(command, flag), prefix: '', value: current === '=' ? '' : current };
}

function withValue(command: Command, flag: string | undefined): Option | undefined {
  return command.options.find(
    ({ short, long, required }) => required && [short, long].includes(flag),
  );
}

/** What an option takes, by its choices or the name of its value; nothing where that is a number or a text. */
async function valuesOf({ argChoices, flags }: Option): Promise<string[]> {
  if (argChoices !== undefined) return argChoices.map((choice) => line(choice));
  if (/--model /.test(flags)) return models();
  return /<(file|path|report|reports\.\.\.)>/.test(flags) ? [files] : [];
}

/** What an argument may be that comes after these words. */
async function argumentValues(command: Command, words: readonly string[]): Promise<string[]> {
  const given = words.filter(
    (word, i) => !word.startsWith('-') && !withValue(command, words[i - 1]),
  );
  const all = command.registeredArguments;
  const argument: Argument | undefined =
    all[given.length] ?? (all.at(-1)?.variadic ? all.at(-1) : undefined);
  if (argument?.argChoices) return argument.argChoices.map((choice) => line(choice));
  switch (argument?.name()) {
    case 'model':
      return models();
    case 'source':
      return catalog();
    case 'name':
      return (await models()).filter((one) => one !== files);
    case 'text':
      return [files];
    default:
      return [];
  }
}

/** Models that have a short name. */
async function catalog(): Promise<string[]> {
  const { modelCatalog } = await import('../lib/pull/catalog.js');
  return modelCatalog.map(({ name, about }) => line(name, about));
}

/** Pulled models, and files. */
async function models(): Promise<string[]> {
  const { listModels } = await import('../lib/pull/store.js');
  const pulled = await listModels().catch(() => []);
  return [...pulled.map(({ name }) => line(name, 'pulled model')), files];
}

function commandLines(program: Command): string[] {
  return program
    .createHelp()
    .visibleCommands(program)
    .flatMap((command) =>
      [command.name(), ...command.aliases()].map((name) => line(name, command.description())),
    );
}

function optionLines(command: Command): string[] {
  return command
    .createHelp()
    .visibleOptions(command)
    .flatMap(({ short, long, description }) =>
      [long, short].flatMap((flag) => (flag === undefined ? [] : line(flag, description))),
    );
}

function begun(lines: readonly string[], current: string): string[] {
  return lines.filter((one) => one === files || one.startsWith(current));
}

function line(value: string, about = ''): string {
  return `${escaped(value)}\t${escaped(about)}`;
}
