import { Command, Option } from 'commander';
import type { GenerateOptions, Model } from '../../lib/index.js';
import { type AdapterArgument, adapterOption } from '../adapter-option.mjs';
import { decimal, integer, repeated } from '../arguments.mjs';
import { chatTemplateOption } from '../chat-template.mjs';
import {
  addEngineOptions,
  contextOption,
  type EngineOptions,
  kvMemoryOption,
  kvTypeOption,
  modelOptionBefore,
  prepareOption,
} from '../model-options.mjs';
import { type GrammarOptions, grammarOptions } from './grammar-options.mjs';
import { type SamplerOptions, samplerOptions, samplerSettings } from './sampler-options.mjs';

/** How text is drawn and into what context, for every command that writes some. */
export interface GenerationOptions extends SamplerOptions, GrammarOptions {
  maxTokens: number;
  context?: number;
  kvType: 'f16' | 'q8_0';
  adapter?: AdapterArgument[];
  seed?: number;
  temp: number;
  topK: number;
  topP: number;
  minP: number;
  repeatPenalty: number;
  repeatLastN: number;
  presencePenalty: number;
  frequencyPenalty: number;
  stop?: string[] | undefined;
  draft?: string;
  lookup?: boolean;
  maxDraft?: number;
}

/** What is said, and in which form. */
export interface OutputOptions {
  json?: boolean;
  verbose?: boolean;
  quiet?: boolean;
  color: boolean;
}

/** The options of `bitnet run` as commander hands them over. */
export interface RunOptions extends GenerationOptions, EngineOptions, OutputOptions {
  model?: string;
  prompt?: string;
  file?: string;
  system?: string;
  systemFile?: string;
  chatTemplate?: string;
  escape?: boolean;
  /** False after `--no-stdin`. */
  stdin: boolean;
  raw?: boolean;
  session?: string;
  interactive?: boolean;
  jsonLines?: boolean;
  /** False after `--no-display-prompt`. */
  displayPrompt: boolean;
}

const most = 2 ** 31 - 1;
const unbounded = Number.POSITIVE_INFINITY;

const examples = `
Examples:
  bitnet run "Once upon a time"
  bitnet run model.gguf -p "Why is the sky blue?"
  bitnet run model.gguf -p "Summarize:" < report.txt
  bitnet run model.gguf --temp 0 --json -f question.txt

The prompt is -p, -f or the trailing text, followed by what is piped in. The
first argument is the model if it is a file, a pulled model or ends in .gguf.
On a terminal and without a prompt, this starts bitnet chat.
Exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted.`;

/** `bitnet run` with all its options, without what it does. */
export function runOptions(): Command {
  const command = new Command('run')
    .description('Generate text with a model.')
    .argument('[model]', 'GGUF file or pulled model (default: the embedded one)')
    .argument('[text...]', 'the prompt, if no option gives it')
    .addHelpText('after', examples);
  input(command.optionsGroup('Input:'));
  generationOptions(command.optionsGroup('Generation:'));
  engineOptions(command.optionsGroup('Engine:'));
  outputOptions(command.optionsGroup('Output:'));
  command
    .addOption(
      new Option('--json-lines', 'one object per piece, then that of --json').implies({
        json: true,
      }),
    )
    .option('--no-display-prompt', 'do not show the prompt before its continuation');
  return command;
}

function input(command: Command): void {
  command
    .addOption(modelOptionBefore('text'))
    .option('-p, --prompt <text>', 'the prompt')
    .addOption(
      new Option('-f, --file <file>', 'file with the prompt; - is stdin').conflicts('prompt'),
    )
    .option('--system <text>', 'system message, for models with a chat template')
    .addOption(
      new Option('--system-file <file>', 'file with the system message').conflicts('system'),
    )
    .addOption(chatTemplateOption().conflicts('raw'))
    .option('-e, --escape', 'expand \\n, \\t, \\xHH … in given texts')
    .option('--no-stdin', 'do not read standard input')
    .option('--session <file>', 'file that keeps what was evaluated')
    .option('--raw', 'no chat template; read special tokens in the prompt')
    .addOption(chatOption());
}

/** `-i`, as llama.cpp has it: for `bitnet run` the way to the chat, for `bitnet chat` nothing new. */
export function chatOption(): Option {
  return new Option('-i, --interactive', 'start bitnet chat');
}

export function generationOptions(command: Command): void {
  command
    .option(
      '-n, --max-tokens <count>',
      'maximum tokens to generate; -1: fill the context',
      integer(-2, most),
      512,
    )
    .addOption(contextOption("default: the model's, at most 4096; 0: no limit"))
    .option('-s, --seed <number>', 'default or -1: random', integer(-1, Number.MAX_SAFE_INTEGER))
    .option(
      '--temperature, --temp <number>',
      '0: always the most likely token',
      decimal(0, unbounded),
      0.8,
    )
    .option('--top-k <count>', 'choose among the most likely; 0: all', integer(-1, most), 40)
    .option('--top-p <number>', 'choose among those reaching this probability', decimal(0, 1), 0.95)
    .option('--min-p <number>', 'drop those below this fraction of the best', decimal(0, 1), 0.05)
    .option('--repeat-penalty <number>', 'penalty for repetition; 1: off', decimal(0.01, 100), 1)
    .option('--repeat-last-n <count>', 'recent tokens to penalize; -1: all', integer(-1, most), 64)
    .option('--presence-penalty <number>', 'penalty once per recent token', decimal(-100, 100), 0)
    .option('--frequency-penalty <number>', 'penalty per occurrence', decimal(-100, 100), 0)
    .option('--stop <text>', 'stop before this text; repeatable', repeated);
  samplerOptions(command);
  grammarOptions(command);
  command
    .option('--lookup', 'draft what followed the same words before: faster, same text')
    .option('--draft <file>', 'a smaller model that drafts: faster, same text')
    .option('--max-draft <count>', 'tokens of a draft (default: 8, or 16)', integer(1, 64));
}

/** As `addEngineOptions`, with adapters, the type and the memory of the cache, and what is kept for the next start. */
export function engineOptions(command: Command): void {
  addEngineOptions(command)
    .addOption(prepareOption())
    .addOption(kvTypeOption())
    .addOption(kvMemoryOption())
    .addOption(adapterOption());
}

export function outputOptions(command: Command): void {
  command
    .option('--json', 'one JSON object instead of text')
    .option('--verbose', 'print details on stderr')
    .addOption(new Option('--quiet', 'print only errors on stderr').conflicts('verbose'))
    .option('--no-color', 'no color')
    .addOption(new Option('--color').hideHelp()); // what a terminal gets anyway
}

/** As the library takes them. */
export function generateOptions(
  options: GenerationOptions,
  signal: AbortSignal,
  draft: Model | undefined,
): GenerateOptions {
  const { maxTokens, seed, temp: temperature, topK, topP, minP, stop } = options;
  const { repeatPenalty, repeatLastN, presencePenalty, frequencyPenalty } = options;
  return {
    maxTokens: maxTokens < 0 ? Number.POSITIVE_INFINITY : maxTokens,
    seed: seed === -1 ? undefined : seed,
    ...{ temperature, topK: Math.max(topK, 0), topP, minP, stop },
    ...{ repeatPenalty, repeatLastN, presencePenalty, frequencyPenalty },
    ...samplerSettings(options),
    ...{ lookup: options.lookup, maxDraft: options.maxDraft, draft },
    signal,
  };
}
