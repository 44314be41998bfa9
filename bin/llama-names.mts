import type { Command, Option } from 'commander';
import { Terminal } from './terminal.mjs';

/** Options of llama.cpp under names that commander cannot have (several letters after one dash) or that ours have besides. */
const names: Readonly<Record<string, string>> = {
  '--ctx-size': '--context',
  '--n-predict': '--max-tokens',
  '--predict': '--max-tokens',
  '-ngl': '--gpu-layers',
  '--n-gpu-layers': '--gpu-layers',
  '-cnv': '--interactive',
  '--conversation': '--interactive',
  '-no-cnv': '--raw',
  '--no-conversation': '--raw',
  '-sys': '--system',
  '--system-prompt': '--system',
  '-sysf': '--system-file',
  '--system-prompt-file': '--system-file',
  '--reverse-prompt': '--stop',
};

/** Lets a command take the names that its options have in llama.cpp. */
export function takeLlamaNames(command: Command): Command {
  const parse = command.parseOptions.bind(command);
  command.parseOptions = (args) => parse(translated(args, command.options));
  return command;
}

/** Says that an option was taken for the sake of command lines for llama.cpp, and does nothing. */
export function noteIgnored(command: Command): void {
  if (command.getOptionValue('gpuLayers') === undefined) return;
  new Terminal(command.opts()).note(
    '-ngl is ignored: there is no GPU code, all layers are computed on this CPU.',
  );
}

/** The arguments with our names in the place of llama.cpp's; values of options stay whatever they look like. */
function translated(args: readonly string[], options: readonly Option[]): string[] {
  const result: string[] = [];
  for (let i = 0; i < args.length; i++) {
    const arg = args[i]!;
    if (arg === '--') return [...result, ...args.slice(i)];
    const [flag, ...value] = arg.split('=');
    const name = Object.hasOwn(names, flag!) ? names[flag!]! : flag!;
    const option = options.find(({ short, long }) => name === long || name === short);
    result.push(option === undefined ? arg : [name, ...value].join('='));
    if (option?.required && value.length === 0 && i + 1 < args.length) result.push(args[++i]!);
  }
  return result;
}
