import { Command, Option } from 'commander';
import type { MetadataOverrides, Tokenizer } from '../../lib/index.js';
import { escaped } from '../escape.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { warnOfDecisions } from '../load-model.mjs';
import { modelOptionBefore } from '../model-options.mjs';
import { Output } from '../output.mjs';
import { overrideKvOption } from '../override-kv.mjs';
import { isPiped, readStdin } from '../prompt.mjs';
import { Terminal } from '../terminal.mjs';
import { fileOrText, modelAndText, type TextOptions } from './text-arguments.mjs';

interface TokenizeOptions extends TextOptions {
  /** False after `--no-bos`. */
  bos: boolean;
  /** False after `--no-special`. */
  special: boolean;
  ids?: boolean;
  preTokenizer?: string;
  overrideKv?: MetadataOverrides;
  json?: boolean;
}

const examples = `
Examples:
  bitnet tokenize -p "Once upon a time"
  bitnet tokenize model.gguf --json < text.txt
  bitnet tokenize model.gguf --ids -p "Hello" | bitnet detokenize model.gguf`;

/** `bitnet tokenize`: a text in, its token ids and their texts out. */
export function tokenizeCommand(): Command {
  return new Command('tokenize')
    .description('Split text into tokens.')
    .argument('[model]', 'GGUF file, with or without weights (default: the embedded model)')
    .argument('[text...]', 'the text, if no option gives it')
    .addHelpText('after', examples)
    .addOption(modelOptionBefore('text'))
    .option('-p, --prompt <text>', 'the text')
    .addOption(
      new Option('-f, --file <file>', 'file with the text; - is stdin').conflicts('prompt'),
    )
    .option('--no-bos', 'no begin and end tokens')
    .option('--no-special', 'treat special tokens as ordinary text')
    .option('--pre-tokenizer <name>', 'override the file')
    .addOption(overrideKvOption())
    .addOption(new Option('--ids', 'print only the ids, on one line').conflicts('json'))
    .option('--json', 'one JSON object: { ids, pieces }')
    .action(tokenize);
}

async function tokenize(
  argument: string | undefined,
  words: readonly string[],
  options: TokenizeOptions,
  command: Command,
): Promise<void> {
  const { path, text } = await modelAndText(argument, words, options, command);
  const fromStdin = options.file === '-' || (text === undefined && options.file === undefined);
  if (fromStdin && options.file !== '-' && !isPiped()) refuseWithoutText(command);
  const { loadTokenizer } = await import('../../lib/model/load/load-tokenizer.js');
  const { preTokenizer, overrideKv: metadataOverrides } = options;
  const tokenizer = await loadTokenizer(path, { preTokenizer, metadataOverrides });
  const terminal = new Terminal(options);
  warnOfDecisions(tokenizer.decisions, terminal);
  const whole = true;
  const given = fromStdin
    ? await readStdin(terminal, interruptSignal(), { whole })
    : await fileOrText(options.file, text, { whole });
  if (given === undefined) return refuseWithoutText(command);
  const { bos: addSpecial, special: parseSpecial } = options;
  const ids = tokenizer.encode(given, { addSpecial, parseSpecial });
  const pieces = ids.map((id) => piece(tokenizer, id));
  const output = new Output();
  if (options.json) await output.json({ ids, pieces });
  else if (options.ids) await output.lines([ids.join(' ')]);
  else if (ids.length > 0) await output.lines(listing(ids, pieces));
}

function refuseWithoutText(command: Command): never {
  return command.error('error: Expected a text: -p <text>, -f <file> or text on standard input.');
}

/** A token's text, or its bytes where they are not whole characters. */
function piece(tokenizer: Tokenizer, id: number): string | number[] {
  const bytes = tokenizer.tokenBytes(id);
  if (bytes.length === 0) return tokenizer.tokenText(id); // a control token
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return [...bytes];
  }
}

function listing(ids: readonly number[], pieces: readonly (string | number[])[]): string[] {
  const width = ids.reduce((most, id) => Math.max(most, String(id).length), 0);
  return ids.map((id, i) => `${String(id).padStart(width)}  ${shown(pieces[i]!)}`);
}

function shown(text: string | number[]): string {
  if (typeof text === 'string') return escaped(JSON.stringify(text));
  const hex = text.map((byte) => byte.toString(16).toUpperCase().padStart(2, '0'));
  return `bytes ${hex.join(' ')}`;
}
