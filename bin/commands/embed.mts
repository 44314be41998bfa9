import { Command, Option } from 'commander';
import { count } from '../../lib/count.js';
import type { Model } from '../../lib/index.js';
import { shortestFloat } from '../float.mjs';
import { interruptSignal } from '../interrupt.mjs';
import { loadWithSpinner } from '../load-model.mjs';
import {
  addEngineOptions,
  type EngineOptions,
  loadOptions,
  modelOptionBefore,
} from '../model-options.mjs';
import { Output } from '../output.mjs';
import { isPiped, readStdin, readTextFile } from '../prompt.mjs';
import { Terminal } from '../terminal.mjs';
import { modelAndTexts } from './text-arguments.mjs';

interface EmbedOptions extends EngineOptions {
  model?: string;
  prompt?: string;
  file?: string;
  pooling?: 'last' | 'mean' | 'first';
  normalize: boolean;
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Examples:
  bitnet embed model.gguf "The cat sat on the mat." "A dog."
  bitnet embed model.gguf -f sentences.txt > vectors.txt
  bitnet embed model.gguf --json < sentences.txt

Texts are the arguments after the model, or the lines of a file or of stdin.`;

/** `bitnet embed`: texts in, a vector of numbers for each of them out. */
export function embedCommand(): Command {
  const command = new Command('embed')
    .description('Turn texts into vectors (embeddings).')
    .argument('[model]', 'GGUF file or pulled model (default: the embedded one)')
    .argument('[text...]', 'texts; default: the lines of a file or of stdin')
    .addHelpText('after', examples)
    .addOption(modelOptionBefore('text'))
    .option('-p, --prompt <text>', 'one text')
    .addOption(
      new Option('-f, --file <file>', 'file with one text per line; - is stdin').conflicts(
        'prompt',
      ),
    )
    .addOption(
      new Option('--pooling <rule>', "default: the model's, else last").choices([
        'last',
        'mean',
        'first',
      ]),
    )
    .option('--no-normalize', 'do not scale vectors to length 1');
  return addEngineOptions(command)
    .option('--json', 'one JSON array of { text, embedding, tokens }')
    .option('--quiet', 'print only errors on stderr')
    .option('--no-color', 'no color')
    .action(embed);
}

async function embed(
  argument: string | undefined,
  words: readonly string[],
  options: EmbedOptions,
  command: Command,
): Promise<void> {
  const terminal = new Terminal(options);
  const signal = interruptSignal();
  const { path, texts: given } = await modelAndTexts(argument, words, options, command);
  const texts = given.length > 0 ? given : await lines(options, terminal, signal);
  if (texts.length === 0) await refuseWithoutTexts(path, command);
  const model = await loadWithSpinner(path, { ...loadOptions(options), signal }, terminal);
  try {
    await write(model, texts, options, terminal, signal);
  } finally {
    model.close();
  }
}

/** Missing texts are wrong usage, but a missing model is the worse news of the two. */
async function refuseWithoutTexts(path: string | undefined, command: Command): Promise<never> {
  const { inspectModel } = await import('../../lib/inspect.js');
  await inspectModel(path);
  return command.error(
    'error: Expected texts: as arguments after the model, on the lines of -f <file> or on standard input.',
  );
}

/** The lines of a file, or of what is piped in. */
async function lines(
  { file }: EmbedOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const fromFile = file !== undefined && file !== '-';
  if (file === undefined && !isPiped()) return [];
  const all = fromFile
    ? await readTextFile(file)
    : await readStdin(terminal, signal, { awaited: 'the texts' });
  return all ? all.split(/\r?\n/) : [];
}

async function write(
  model: Model,
  texts: readonly string[],
  { pooling, normalize, json }: EmbedOptions,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  const ids = texts.map((text) => model.tokenizer.encode(text, { addSpecial: true }));
  const spinner = terminal.spinner(`Embedding ${count(texts.length, 'text')}`);
  const begin = performance.now();
  const vectors = await model
    .embed(ids, { pooling, normalize, signal })
    .finally(() => spinner.stop());
  const seconds = (performance.now() - begin) / 1000;
  const output = new Output();
  const items = vectors.map((vector, i) => ({
    text: texts[i]!,
    embedding: Array.from(vector, shortestFloat),
    tokens: ids[i]!.length,
  }));
  if (json) await output.json(items);
  else for (const { embedding } of items) await output.lines([embedding.join(' ')]);
  const tokens = items.reduce((sum, item) => sum + item.tokens, 0);
  const rule = pooling ?? model.spec.pooling ?? 'last';
  terminal.note(
    [
      `${count(texts.length, 'text')}, ${count(tokens, 'token')}, ${Math.round(tokens / seconds)} tokens/s`,
      `${model.spec.dim} numbers each, ${rule === 'mean' ? 'the mean state' : `state of the ${rule} token`}${normalize ? ', length 1' : ''}`,
      `${model.kernel.ternary}, ${count(model.threads, 'thread')}`,
    ].join('; '),
  );
}
