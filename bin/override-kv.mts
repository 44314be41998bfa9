import { InvalidArgumentError, Option } from 'commander';
import type { MetadataOverrides } from '../lib/index.js';

/** `--override-kv`, as llama.cpp spells it; may be given several times, or once with commas. */
export function overrideKvOption(): Option {
  return new Option(
    '--override-kv <key=type:value>',
    'override metadata; int, float, bool or str',
  ).argParser(parseOverrides);
}

/** Where one entry ends and the next begins; a string may contain commas. */
const between = /,(?=[^,=]+=(?:int|float|bool|str):)/;

function parseOverrides(text: string, previous: MetadataOverrides = {}): MetadataOverrides {
  const entries = text.split(between).map((entry): [string, number | boolean | string] => {
    const [, key, type, value] = /^([^=]+)=(int|float|bool|str):(.*)$/s.exec(entry) ?? [];
    const parsed = key === undefined ? undefined : readers[type as keyof typeof readers](value!);
    if (parsed !== undefined) return [key!, parsed];
    throw new InvalidArgumentError(
      'Expected key=type:value, such as llama.rope.freq_base=float:500000 or tokenizer.ggml.add_bos_token=bool:false.',
    );
  });
  return { ...previous, ...Object.fromEntries(entries) };
}

/** Undefined for what is not of the type. */
const readers = {
  int: (text: string) => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : Number.NaN;
    return Number.isSafeInteger(value) ? value : undefined;
  },
  float: (text: string) => {
    const value = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    return Number.isFinite(value) ? value : undefined;
  },
  bool: (text: string) => ({ true: true, false: false })[text],
  str: (text: string) => text,
};
