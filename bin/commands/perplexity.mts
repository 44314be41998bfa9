import { Command } from 'commander';
import type { Perplexity } from '../../lib/index.js';
import { interruptSignal } from '../interrupt.mjs';
import { loadWithSpinner } from '../load-model.mjs';
import { theModel } from '../model-argument.mjs';
import { contextLength, type EngineOptions, loadOptions, modelOption } from '../model-options.mjs';
import { isPiped, readStdin, readTextFile } from '../prompt.mjs';
import { Terminal } from '../terminal.mjs';
import { measureAndPrint } from './measure.mjs';
import { addWindowOptions } from './window-options.mjs';

interface PerplexityCommandOptions extends EngineOptions {
  file?: string;
  context?: number;
  stride?: number;
  chunks?: number;
  parseSpecial?: boolean;
  kvType: 'f16' | 'q8_0';
  json?: boolean;
  quiet?: boolean;
  color: boolean;
}

const examples = `
Examples:
  bitnet perplexity -f story.txt
  bitnet perplexity model.gguf -f wiki.test.raw -c 512
  bitnet perplexity model.gguf --stride 64 < story.txt`;

/** `bitnet perplexity`: how well a model predicts a text. */
export function perplexityCommand(): Command {
  const command = new Command('perplexity')
    .description('Measure how well a model predicts a text.')
    .argument('[model]', 'GGUF file or pulled model (default: the embedded one)')
    .addHelpText('after', examples)
    .addOption(modelOption());
  return addWindowOptions(command, "the model's").action(measure);
}

async function measure(
  argument: string | undefined,
  options: PerplexityCommandOptions,
  command: Command,
): Promise<void> {
  const { perplexity } = await import('../../lib/evaluate/perplexity.js');
  const { file = '-' } = options;
  if (options.file === undefined && !isPiped()) {
    refuseWithoutText(command);
  }
  const terminal = new Terminal(options);
  const signal = interruptSignal();
  const whole = true;
  const text =
    file === '-'
      ? await readStdin(terminal, signal, { whole })
      : await readTextFile(file, { whole });
  if (text === undefined) return refuseWithoutText(command);
  const model = await loadWithSpinner(
    await theModel(argument, command),
    { ...loadOptions(options), signal },
    terminal,
  );
  await measureAndPrint(
    model,
    {
      run: (onProgress, onFraction) =>
        perplexity(model, text, {
          contextLength: contextLength(options, model),
          stride: options.stride,
          chunks: options.chunks,
          parseSpecial: options.parseSpecial,
          kvType: options.kvType,
          signal,
          onProgress,
          onFraction,
        }),
      part: (soFar) => soFar.chunks / soFar.chunksInAll,
      describe,
      lines: perplexityLines,
    },
    { json: options.json, terminal },
  );
}

function refuseWithoutText(command: Command): never {
  return command.error('error: Expected a text: -f <file> or text on standard input.');
}

/** A line about how far it has come. */
function describe({ chunks, chunksInAll, perplexity, stride }: Perplexity): string {
  const unit = stride === null ? 'chunk' : 'window';
  return `${unit} ${chunks} of ${chunksInAll}: perplexity ${perplexity.toFixed(4)}`;
}

function perplexityLines(result: Perplexity): string[] {
  const { perplexity, error, nll, nllError, bitsPerByte, tokens, bytes } = result;
  const { chunks, chunksInAll, contextLength, stride } = result;
  const plural = chunksInAll === 1 ? '' : 's';
  const pieces =
    stride === null ? `chunk${plural}` : `window${plural} ${grouped(stride)} tokens apart,`;
  const some =
    chunks === chunksInAll ? grouped(chunks) : `${grouped(chunks)} of ${grouped(chunksInAll)}`;
  return [
    `Perplexity      ${perplexity.toFixed(4)}${plusMinus(error)}`,
    `Nats per token  ${nll.toFixed(5)}${plusMinus(nllError)}`,
    `Bits per byte   ${bitsPerByte.toFixed(5)}`,
    `Scored          ${grouped(tokens)} tokens, ${grouped(bytes)} bytes`,
    `Evaluated       ${some} ${pieces} of ${grouped(contextLength)} tokens`,
  ];
}

function plusMinus(error: number | null): string {
  return error === null ? '' : ` ± ${error.toFixed(5)}`;
}

function grouped(count: number): string {
  return count.toLocaleString('en-US');
}
