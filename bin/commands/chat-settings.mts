import { Command, InvalidArgumentError, type Option } from 'commander';
import { type GenerationOptions, generationOptions } from './run-options.mjs';

/** What `/set` changes: all that says how text is drawn. */
const settable = [
  'temp',
  'topK',
  'topP',
  'minP',
  'topNSigma',
  'typicalP',
  'xtcProbability',
  'xtcThreshold',
  'repeatPenalty',
  'repeatLastN',
  'presencePenalty',
  'frequencyPenalty',
  'dryMultiplier',
  'dryBase',
  'dryAllowedLength',
  'dryPenaltyLastN',
  'samplers',
  'seed',
  'maxTokens',
  'stop',
] as const satisfies readonly (keyof GenerationOptions)[];
type Setting = (typeof settable)[number];

/** Names that other programs use. */
const aliases: Readonly<Record<string, Setting>> = {
  n: 'maxTokens',
  npredict: 'maxTokens',
  numpredict: 'maxTokens',
  temperature: 'temp',
};

/** The command-line options that correspond to the settings. */
const options = new Map<Setting, Option>();
const holder = new Command();
generationOptions(holder);
for (const option of holder.options) {
  const name = settable.find((setting) => setting === option.attributeName());
  if (name !== undefined && !options.has(name)) options.set(name, option);
}

/** Names for `/set`, as on the command line. */
export const settingNames: readonly string[] = settable.map(nameOf);

/** A line about each setting. */
export function settingLines(current: GenerationOptions): string[] {
  return settable.map((setting) => settingLine(setting, current));
}

/** A setting and its value. */
export function settingLine(setting: Setting, current: GenerationOptions): string {
  return `${nameOf(setting).padEnd(18)} ${shown(current[setting], setting)}`;
}

/** The setting with this name, in any spelling. */
export function findSetting(name: string): Setting | undefined {
  const wanted = plain(name);
  return settable.find((setting) => plain(setting) === wanted) ?? own(aliases, wanted);
}

/**
 * The settings with another value for one of them; `default` takes that of the command line.
 * @throws InvalidArgumentError
 */
export function withSetting(
  current: GenerationOptions,
  setting: Setting,
  text: string,
  initial: GenerationOptions,
): GenerationOptions {
  const option = options.get(setting)!;
  const value = text === 'default' ? initial[setting] : parsed(option, unquoted(text));
  return { ...current, [setting]: value };
}

/** Text that was put in quotes, because it begins or ends with a space or has newlines written as `\n`. */
export function unquoted(text: string): string {
  if (!/^".*"$/s.test(text) || text.length < 2) return text;
  try {
    return JSON.parse(text.replaceAll('\n', '\\n')) as string;
  } catch {
    return text.slice(1, -1);
  }
}

function parsed(option: Option, text: string): unknown {
  if (!option.parseArg) throw new InvalidArgumentError('Expected another setting.');
  return option.parseArg(text, undefined);
}

function nameOf(setting: Setting): string {
  return options.get(setting)?.long?.replace(/^--/, '') ?? setting;
}

function shown(value: GenerationOptions[Setting], setting: Setting): string {
  if (setting === 'samplers') return value === undefined ? 'all' : `${value}`;
  if (Array.isArray(value)) return value.map((text) => JSON.stringify(text)).join(', ');
  if (setting === 'seed' && (value === undefined || value === -1)) return 'random';
  return value === undefined ? 'none' : String(value);
}

function plain(name: string): string {
  return name.toLowerCase().replaceAll(/[-_]/g, '');
}

function own<Value>(record: Readonly<Record<string, Value>>, key: string): Value | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}
