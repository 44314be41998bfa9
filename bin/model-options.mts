import { type Command, Option } from 'commander';
import type { LoadOptions, MetadataOverrides, Model } from '../lib/index.js';
import { integer, memorySize } from './arguments.mjs';
import { overrideKvOption } from './override-kv.mjs';

/** What overrules a model file that is wrong or silent. */
export interface FileOptions {
  activation?: (typeof activations)[number];
  i2sLayout?: (typeof layouts)[number];
  tlTable?: string;
  preTokenizer?: string;
  overrideKv?: MetadataOverrides;
}

/** How a model is loaded and computes. */
export interface EngineOptions extends FileOptions {
  threads?: number;
  kernel?: string;
  autotune: boolean;
  headPrefilter: boolean;
  skipInactive: boolean;
  kvMemory?: number;
  prepare?: true;
}

const activations = ['relu2', 'silu', 'gelu_tanh'] as const;
/** The longest context a session can have. */
const longest = 2 ** 24;

const layouts = ['canonical', 'arm64', 'rows4'] as const;

/** `-m`, for every command that takes a model. */
export function modelOption(about = 'GGUF file or pulled model'): Option {
  return new Option('-m, --model <file>', about).env('BITNET_MODEL');
}

/** `-m` where other arguments may stand: these are no model then. */
export function modelOptionBefore(others: 'text' | 'ids'): Option {
  return modelOption(`GGUF file or pulled model; all arguments are then ${others}`);
}

/** `-t`. */
export function threadsOption(): Option {
  return new Option('-t, --threads <count>', 'default: all available cores')
    .env('BITNET_THREADS')
    .argParser(integer(1, 1024));
}

/** `--kernel`. */
export function kernelOption(): Option {
  return new Option('--kernel <name>', 'force a kernel or instruction set').env('BITNET_KERNEL');
}

/** `-c`; 0 as in llama.cpp is the context the model was trained for. */
export function contextOption(about: string, least = 1): Option {
  const tokens = integer(least, longest, ', or 0 for the trained context');
  return new Option('-c, --context <tokens>', about).argParser((text: string) =>
    text.trim() === '0' ? 0 : tokens(text),
  );
}

/** `-c` as the library takes it. */
export function contextLength(
  { context }: { readonly context?: number },
  { spec }: Model,
): number | undefined {
  return context === 0 ? Math.min(spec.contextLength, longest) : context;
}

/** `--kv-type`. */
export function kvTypeOption(): Option {
  return new Option('--kv-type <type>', 'q8_0: half the memory per token')
    .choices(['f16', 'q8_0'])
    .default('f16');
}

/** `--kv-memory`. */
export function kvMemoryOption(about = 'default: a quarter of what is free'): Option {
  return new Option('--kv-memory <size>', `keys and values, at most; ${about}`).argParser(
    memorySize,
  );
}

/** `--prepare`, for commands that write text. */
export function prepareOption(): Option {
  return new Option('--prepare', 'keep the packed weights on disk for the next start');
}

/** Adds the options of `FileOptions`. */
export function addFileOptions(command: Command): Command {
  return command
    .addOption(new Option('--activation <name>', 'override the file').choices(activations))
    .addOption(new Option('--i2s-layout <name>', 'byte order of I2_S').choices(layouts))
    .option('--tl-table <name>', 'tiles of TL1 and TL2: a preset or an .ini file')
    .option('--pre-tokenizer <name>', 'override the file')
    .addOption(overrideKvOption());
}

/** The options of `FileOptions`. */
export const fileOptionNames: readonly (keyof FileOptions)[] = [
  ...(['activation', 'i2sLayout', 'tlTable', 'preTokenizer', 'overrideKv'] as const),
];

/** Adds the options of `EngineOptions`: every command that loads a model to evaluate has them. */
export function addEngineOptions(command: Command): Command {
  command
    .addOption(threadsOption())
    .addOption(kernelOption())
    .option('--no-autotune', 'do not time kernels to find the fastest')
    .option('--no-head-prefilter', 'turn off the prefilter of the output head')
    .option('--no-skip-inactive', 'do not skip weights of inactive neurons');
  return addFileOptions(command);
}

/** As the library takes them. */
export function fileOverrides(options: FileOptions) {
  const { activation, i2sLayout, tlTable, preTokenizer, overrideKv: metadataOverrides } = options;
  return { activation, i2sLayout, tlTable, preTokenizer, metadataOverrides };
}

/** As the library takes them. */
export function loadOptions(options: EngineOptions): LoadOptions {
  const { threads, kernel, autotune, headPrefilter, skipInactive, prepare, kvMemory } = options;
  const engine = { threads, kernel, autotune, headPrefilter, skipInactive, prepare, kvMemory };
  return { ...engine, ...fileOverrides(options) };
}
