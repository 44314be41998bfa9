import type { Command, Option } from 'commander';
import { nearest } from '../lib/checks/options.js';
import { samplerNames } from '../lib/generate/samplers.js';
import { Terminal } from './terminal.mjs';

/** Options of llama.cpp under names that commander cannot have (several letters after one dash) or that ours have besides. */
const names: Readonly<Record<string, string>> = {
  '--ctx-size': '--context',
  '--n-predict': '--max-tokens',
  '--predict': '--max-tokens',
  '-if': '--interactive',
  '--interactive-first': '--interactive',
  '-cnv': '--interactive',
  '--conversation': '--interactive',
  '-no-cnv': '--raw',
  '--no-conversation': '--raw',
  '-sys': '--system',
  '--system-prompt': '--system',
  '-sysf': '--system-file',
  '--system-prompt-file': '--system-file',
  '-r': '--stop',
  '--reverse-prompt': '--stop',
  '-jf': '--json-schema-file',
  '-l': '--logit-bias',
  '-md': '--draft',
  '--model-draft': '--draft',
  '--draft-max': '--max-draft',
  '--draft-n': '--max-draft',
  '--ignore-eos': '--ignore-end',
  '--typical': '--typical-p',
  '--top-nsigma': '--top-n-sigma',
  '--lora': '--adapter',
  '--split-max-size': '--max-size',
  '--split-max-tensors': '--max-tensors',
};

/** Those of keys and values, which have one type here. */
const cacheTypes: Readonly<Record<string, 'keys' | 'values'>> = {
  '-ctk': 'keys',
  '--cache-type-k': 'keys',
  '-ctv': 'values',
  '--cache-type-v': 'values',
};

/** What changes no text and is left out, by commands that compute. */
interface Ignored {
  /** Completes "-ngl is ignored: …". */
  readonly why: string;
  /** Pattern of its value; absent if it takes none. */
  readonly value?: RegExp;
}

const any = /^/;
const gpu = { why: 'there is no GPU code, all layers are computed on this CPU', value: any };
const flash = {
  why: 'there is one way in which attention is computed',
  value: /^(on|off|auto|[01](,[01])*)$/,
};
const batches = { why: 'how much of a prompt is read at once is decided here', value: any };
const memory = { why: 'weights are read into memory, and are not locked there' };

const ignored: Readonly<Record<string, Ignored>> = {
  ...same(['-ngl', '--gpu-layers', '--n-gpu-layers'], gpu),
  ...same(['-dev', '--device', '-sm', '--split-mode', '-mg', '--main-gpu', '-ts'], gpu),
  ...same(['-ot', '--override-tensor', '-ncmoe', '--n-cpu-moe'], gpu),
  ...same(['-nkvo', '--no-kv-offload', '-cmoe', '--cpu-moe'], { why: gpu.why }),
  ...same(['-nr', '--no-repack'], { why: 'weights are packed as their kernel needs it' }),
  ...same(['-fa', '--flash-attn'], flash),
  ...same(['-b', '--batch-size', '-ub', '--ubatch-size'], batches),
  ...same(['--mmap', '--no-mmap', '--mlock'], memory),
  ...same(['-mmp'], { ...memory, value: /^[01](,[01])*$/ }),
  ...same(['-tb', '--threads-batch'], { why: '-t is for prompts as well', value: any }),
  ...same(['--jinja'], { why: 'chat templates are always rendered as Jinja' }),
  ...same(['--warmup', '--no-warmup'], { why: 'nothing is warmed up' }),
};

/** What there is instead of options that would change what is computed. */
const instead: Readonly<Record<string, string>> = {
  ...same(['-hf', '-hfr', '--hf-repo'], download('<owner/repo>')),
  ...same(['-mu', '--model-url'], download('<address>')),
  ...same(['-hff', '--hf-file'], download('owner/repo/file.gguf')),
  ...same(['-hft', '--hf-token'], 'the token is in HF_TOKEN'),
  ...same(['-cl', '--cache-list'], '"bitnet list" lists the models'),
  ...same(['-st', '--single-turn'], '"bitnet run -p <text>" answers once'),
  ...same(['--prompt-cache'], '--session <file> keeps what was evaluated'),
  ...same(['--lora-scaled'], '--adapter <file>=<scale> takes adapters'),
  ...same(['--control-vector', '--control-vector-scaled'], 'there are no control vectors'),
  ...same(['-hfd', '-ngld', '-td', '-cd', '-ctkd'], '--draft <file> is a model that drafts'),
  ...same(['-mm', '--mmproj', '--image', '--audio'], 'models read text only'),
  ...same(['-sp', '--special'], 'special tokens are not printed'),
  ...same(['-mli', '--multiline-input'], 'a line ending in \\ continues on the next'),
  ...same(['-np', '--parallel', '-cb', '-nocb', '-cram', '-to'], 'there is no server'),
  ...same(['-rpc', '--rpc'], 'one machine computes everything'),
  ...same(['--sampling-seq', '--mirostat', '--dynatemp-range'], samplers()),
};

/** Lets a command accept llama.cpp's names for its options, and explain those it does not have. */
export function takeLlamaNames(command: Command): Command {
  const parse = command.parseOptions.bind(command);
  let notes: readonly string[] = [];
  command.parseOptions = (args) => {
    const translation = new Translation(command);
    const ours = translation.of(args);
    notes = [...translation.notes];
    return parse(ours);
  };
  return command.hook('preAction', () => {
    for (const note of notes) new Terminal(command.opts()).note(note);
  });
}

/** The option of a command that goes by a name here or in llama.cpp. */
export function optionNamed(command: Command, name: string): Option | undefined {
  const find = (wanted: string) =>
    command.options.find(({ short, long }) => wanted === long || wanted === short);
  const other = own(names, name);
  return find(name) ?? (other === undefined ? undefined : find(other));
}

/** The option that a misspelled one most likely means, by its name here or in llama.cpp. */
export function nearestOption(flag: string, command: Command): string | undefined {
  const ours = command.options
    .filter(({ hidden }) => !hidden)
    .flatMap(({ short, long }) => [short ?? '', long ?? '']); // --temperature is a short one of --temp
  const theirs = Object.keys(names).filter((name) => optionNamed(command, name) !== undefined);
  return nearest(
    flag,
    [...ours, ...theirs].filter((name) => name.startsWith('--')),
  );
}

/** Whether a flag is among a command's arguments, and not the value of an option, as in `-p --json`; also where reading them has failed. */
export function isGiven(flag: RegExp, command: Command, args: readonly string[]): boolean {
  for (let i = 0; i < args.length && args[i] !== '--'; i++) {
    if (flag.test(args[i]!)) return true;
    if (optionNamed(command, args[i]!)?.required) i++;
  }
  return false;
}

class Translation {
  readonly notes = new Set<string>();
  readonly #command: Command;
  readonly #cache: { keys?: string; values?: string } = {};

  constructor(command: Command) {
    this.#command = command;
  }

  /** The arguments with our names in the place of llama.cpp's; values of options stay whatever they look like. */
  of(args: readonly string[]): string[] {
    const result: string[] = [];
    for (let i = 0; i < args.length; i++) {
      const arg = args[i]!;
      if (arg === '--') return [...result, ...this.#kvType(), ...args.slice(i)];
      const [flag, ...rest] = arg.split('=') as [string, ...string[]];
      const attached = rest.length > 0;
      const option = optionNamed(this.#command, flag);
      const next = attached ? rest.join('=') : args[i + 1];
      if (option !== undefined) {
        const isOurs = flag === option.long || flag === option.short;
        const name = isOurs ? flag : option.long!;
        result.push(attached ? `${name}=${next}` : name);
        if (option.required && !attached && i + 1 < args.length) result.push(args[++i]!);
      } else if (this.#takesType(flag, next)) {
        if (!attached) i++;
      } else if (this.#isIgnored(flag)) {
        this.notes.add(`${flag} is ignored: ${ignored[flag]!.why}.`);
        if (!attached && next !== undefined && ignored[flag]!.value?.test(next)) i++;
      } else {
        this.#refuse(flag, next);
        this.#refuseGroup(flag);
        result.push(arg);
      }
    }
    return [...result, ...this.#kvType()];
  }

  #isIgnored(flag: string): boolean {
    return own(ignored, flag) !== undefined && optionNamed(this.#command, '--kernel') !== undefined;
  }

  /** Keeps the type of keys or values. */
  #takesType(flag: string, type: string | undefined): boolean {
    const part = own(cacheTypes, flag);
    if (part === undefined || type === undefined || !optionNamed(this.#command, '--kv-type'))
      return false;
    this.#cache[part] = type;
    return true;
  }

  /** What the types of keys and values, f16 unless they are given, come to. */
  #kvType(): string[] {
    const { keys = 'f16', values = 'f16' } = this.#cache;
    if (Object.keys(this.#cache).length === 0) return [];
    if (keys === values) return ['--kv-type', keys];
    return this.#command.error(
      `error: Expected one type of keys and values, but received -ctk ${keys} and -ctv ${values}; give both the same, or --kv-type.`,
    );
  }

  #refuse(flag: string, next: string | undefined): void {
    const help = own(instead, flag) ?? (own(cacheTypes, flag) && 'keys and values are f16 here');
    if (help === undefined) return;
    const source = next !== undefined && /^[\w.][\w./:@-]*$/.test(next) ? next : undefined;
    const filled = source === undefined ? help : help.replace(/<(owner\/repo|address)>/, source);
    this.#command.error(`error: unknown option '${flag}'; ${filled}`);
  }

  /** `-cxy` is not `-c xy`: only numbers may stand right after the letter of an option, as in -c512 or -p128,512. */
  #refuseGroup(flag: string): void {
    const [, letters] = /^-([a-z].+)$/i.exec(flag) ?? [];
    if (letters === undefined) return;
    for (let i = 0; i < letters.length; i++) {
      const option = optionNamed(this.#command, `-${letters[i]}`);
      const rest = letters.slice(i + 1);
      if (option === undefined && i === 0) return; // commander says so
      if (option?.required && (rest === '' || /^[-+]?[\d.]/.test(rest))) return;
      if (option !== undefined && !option.required) continue;
      const near = nearestOption(flag, this.#command);
      const meant = near ?? (option && `-${letters.slice(0, i + 1)} ${rest}`);
      const hint = meant === undefined ? '' : ` (Did you mean ${meant}?)`;
      this.#command.error(`error: unknown option '${flag}'${hint}`);
    }
  }
}

function download(source: string): string {
  return `get the model with "bitnet pull ${source}", then name it with -m`;
}

function samplers(): string {
  return `--samplers knows ${samplerNames.join(', ')}`;
}

function same<T>(flags: readonly string[], value: T): Record<string, T> {
  return Object.fromEntries(flags.map((flag) => [flag, value]));
}

function own<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}
