import { Command } from 'commander';
import type { MetadataOverrides } from '../../lib/index.js';
import { interruptSignal } from '../interrupt.mjs';
import { defaultModel, modelPath } from '../model-argument.mjs';
import { modelOptionBefore } from '../model-options.mjs';
import { Output } from '../output.mjs';
import { overrideKvOption } from '../override-kv.mjs';
import { isPiped, readStdin } from '../prompt.mjs';
import { Terminal } from '../terminal.mjs';

interface DetokenizeOptions {
  model?: string;
  special?: boolean;
  overrideKv?: MetadataOverrides;
  json?: boolean;
}

const examples = `
Examples:
  bitnet detokenize model.gguf 9906 1917
  bitnet detokenize < ids.txt`;

/** `bitnet detokenize`: token ids in, their text out. */
export function detokenizeCommand(): Command {
  return new Command('detokenize')
    .description('Turn token ids back into text.')
    .argument('[model]', 'GGUF file, with or without weights (default: the embedded model)')
    .argument('[ids...]', 'token ids; default: read from stdin')
    .addHelpText('after', examples)
    .addOption(modelOptionBefore('ids'))
    .addOption(overrideKvOption())
    .option('--special', 'show control tokens instead of omitting them')
    .option('--json', 'one JSON object: { text }')
    .action(detokenize);
}

async function detokenize(
  argument: string | undefined,
  words: readonly string[],
  options: DetokenizeOptions,
  command: Command,
): Promise<void> {
  const { path, given } = await modelAndIds(argument, words, command);
  if (given.length === 0 && !isPiped()) refuseWithoutIds(command);
  const { loadTokenizer } = await import('../../lib/model/load/load-tokenizer.js');
  const tokenizer = await loadTokenizer(path, { metadataOverrides: options.overrideKv });
  const text =
    given.length > 0
      ? given.join(' ')
      : await readStdin(new Terminal(options), interruptSignal(), { awaited: 'token ids' });
  if (text === undefined) return refuseWithoutIds(command);
  const decoded = tokenizer.decode(readIds(text, command), { special: options.special === true });
  const output = new Output();
  if (options.json) return output.json({ text: decoded });
  await output.text(decoded);
  await output.endLine();
}

function refuseWithoutIds(command: Command): never {
  return command.error('error: Expected token ids as arguments or on standard input.');
}

/** The first argument is the model, unless it is a number (a file of such a name is `./42`). */
async function modelAndIds(
  argument: string | undefined,
  words: readonly string[],
  command: Command,
): Promise<{ path: string | undefined; given: readonly string[] }> {
  const named = command.getOptionValueSource('model') === 'cli';
  if (argument === undefined || named || isNumber(argument)) {
    const given = argument === undefined ? words : [argument, ...words];
    return { path: await defaultModel(command), given };
  }
  return { path: await modelPath(argument), given: words };
}

function isNumber(text: string): boolean {
  return /^[\d,[\]]+$/.test(text);
}

/** Ids between spaces or commas; brackets, as around a JSON array, are allowed. */
function readIds(text: string, command: Command): number[] {
  return text
    .split(/[\s,[\]]+/)
    .filter(Boolean)
    .map((word) => {
      if (/^\d+$/.test(word)) return Number(word);
      return command.error(`error: Expected token ids, but received ${JSON.stringify(word)}.`);
    });
}
