import { type GgufArray, GgufNumbers, GgufStrings } from '../../gguf/array.js';
import type { GgufTyped } from '../../gguf/encode-header.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import type { GgufValue } from '../../gguf/types.js';
import { endTexts } from '../../tokenizer/end-of-generation.js';
import type { Role, SpecialTokenIds } from './special-ids.js';
import type { Vocabulary } from './vocabulary.js';

export type TokenizerEntries = [key: string, value: GgufTyped][];

/** What a model file says of its tokenizer: `tokenizer.…`, in the order in which llama.cpp writes it. */
export async function tokenizerMetadata(
  vocabulary: Vocabulary,
  special: SpecialTokenIds,
  templates: ReadonlyMap<string, string>,
): Promise<TokenizerEntries> {
  const entries: TokenizerEntries = [];
  const add = (key: string, value: GgufTyped) => entries.push([`tokenizer.${key}`, value]);
  const text = (value: string): GgufTyped => ({ type: 'string', value });
  const id = (value: number): GgufTyped => ({ type: 'u32', value });
  add('ggml.model', text(vocabulary.model));
  if (vocabulary.pre !== undefined) add('ggml.pre', text(vocabulary.pre));
  add('ggml.tokens', await strings(vocabulary.texts));
  if (vocabulary.scores) add('ggml.scores', array(new GgufNumbers('f32', vocabulary.scores)));
  add('ggml.token_type', integers(vocabulary.kinds));
  if (vocabulary.merges) add('ggml.merges', await strings(vocabulary.merges));
  for (const [role, value] of special.ids) add(`ggml.${keys[role]}_token_id`, id(value));
  const { stops } = special;
  // Known by their texts to every program, the others by these names.
  const unknown = stops.slice(1).filter((stop) => !endTexts.has(vocabulary.texts[stop]!));
  for (const [i, key] of ['eot', 'eom'].entries()) {
    if (unknown[i] !== undefined) add(`ggml.${key}_token_id`, id(unknown[i]));
  }
  if (stops.length > 1) {
    add('ggml.eos_token_ids', integers(stops));
  }
  add('ggml.add_bos_token', { type: 'bool', value: special.addBos });
  add('ggml.add_eos_token', { type: 'bool', value: special.addEos });
  if (vocabulary.addSpacePrefix !== undefined) {
    add('ggml.add_space_prefix', { type: 'bool', value: vocabulary.addSpacePrefix });
  }
  const named = [...templates].filter(([name]) => name !== 'default');
  for (const [name, template] of named) add(`chat_template.${name}`, text(template));
  if (named.length > 0) {
    add('chat_templates', await strings(named.map(([name]) => name)));
  }
  const usual = templates.get('default');
  if (usual !== undefined) add('chat_template', text(usual));
  return entries;
}

/** `seperator` is how the format spells it. */
const keys: Readonly<Record<Role, string>> = {
  bos: 'bos',
  eos: 'eos',
  unk: 'unknown',
  sep: 'seperator',
  pad: 'padding',
  cls: 'cls',
  mask: 'mask',
};

/** A list of texts as it stands in a file, made in slices of time. */
async function strings(texts: readonly string[]): Promise<GgufTyped> {
  const slice = new TimeSlice();
  const starts = new Uint32Array(texts.length + 1);
  let bytes = 0;
  for (const [i, text] of texts.entries()) {
    starts[i] = bytes + lengthBytes;
    bytes += lengthBytes + Buffer.byteLength(text);
    if ((i & 1023) === 0 && slice.due()) await slice.pause();
  }
  starts[texts.length] = bytes + lengthBytes;
  const encoded = Buffer.alloc(bytes);
  for (const [i, text] of texts.entries()) {
    const length = encoded.write(text, starts[i]!);
    encoded.writeUInt32LE(length, starts[i]! - lengthBytes);
    if ((i & 1023) === 0 && slice.due()) await slice.pause();
  }
  return array(new GgufStrings(encoded, starts));
}

/** Every string follows its length as u64. */
const lengthBytes = 8;

function integers(values: ArrayLike<number>): GgufTyped {
  return array(new GgufNumbers('i32', Int32Array.from(values)));
}

function array(values: GgufArray): GgufTyped {
  return { type: 'array', elementType: values.elementType, values };
}

/** The entries as they are read back from a file. */
export function asRead(entries: TokenizerEntries): Map<string, GgufValue> {
  return new Map(entries.map(([key, value]) => [key, readValue(value)]));
}

/** Here every list is an array as read, and every text a string. */
function readValue(value: GgufTyped): GgufValue {
  if (value.type === 'array') return value.values as GgufArray;
  return (value as { readonly value: GgufValue }).value;
}
