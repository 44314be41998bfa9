import { GgufNumbers, GgufStrings } from '../../gguf/array.js';
import { quote } from '../../gguf/malformed.js';
import type { GgufFile } from '../../gguf/types.js';
import type { TensorRole } from './graph-tensors.js';
import { Keys } from './keys.js';
import * as limits from './limits.js';
import { modelError, notYet } from './model-error.js';
import type { ModelSpec, Rotation, TensorBinding } from './spec.js';

/** What PrismML's entries begin with, and those that are known. */
const prefix = 'prism.';
const section = `${prefix}hadamard`;

/** Projections of one input, which is rotated for all of them or for none. */
const sharedInputs: readonly (readonly TensorRole[])[] = [
  ['attn_q', 'attn_k', 'attn_v'],
  ['attn_qkv', 'attn_gate'],
  ['ffn_gate', 'ffn_up'],
];

/** The roles whose input can be rotated. */
const rotatable: readonly TensorRole[] = [
  ...sharedInputs.flat(),
  ...(['attn_output', 'ssm_out', 'ffn_down', 'output'] as const),
];

/**
 * Reads which matrices of PrismML's Bonsai-2 were folded with a Walsh-Hadamard transform: their input must be rotated the same way, and
 * rows of the embedding back. Marks them among `tensors`.
 *
 * @throws ERR_BITNET_MODEL for anything that would make another graph
 */
export function readRotation(
  file: GgufFile,
  tensors: readonly TensorBinding[],
): Pick<ModelSpec, 'tensors' | 'rotation' | 'decisions'> {
  const own = [...file.metadata.keys()].filter((key) => key.startsWith(prefix));
  if (own.length === 0) return { tensors, decisions: [] };
  const foreign = own.find((key) => !key.startsWith(`${section}.`));
  if (foreign !== undefined) throw foreignEntry(file, foreign);
  const keys = new Keys(file, section);
  const version = keys.integer('version', { min: 1, max: 2 });
  const block = readBlock(keys);
  only(keys, 'transform', 'normalized-sylvester-walsh-hadamard');
  only(keys, 'axis', 'input-last-dimension');
  const signs = readSigns(keys, only(keys, 'sign_mode', 'explicit', 'identity') === 'explicit');
  const folded = names(keys, 'weight_names', tensors, rotatable);
  const inverse = names(keys, 'inverse_weight_names', tensors, ['token_embd']);
  const grouped = flag(keys, 'gdn_v_grouped');
  const others = [
    ['_norm_in', 'a norm before every projection'],
    ['ssm_in', 'state spaces'], // beside attention, which reads the same
  ] as const;
  for (const [end, what] of others) {
    if (!tensors.some(({ role }) => role.endsWith(end))) continue;
    const expected = `absent from a model with ${what}`;
    throw keys.error('weight_names', expected, keys.describe('weight_names'), notYet);
  }
  checkHead(keys, version, tensors);
  const [unread] = keys.unread();
  if (unread !== undefined) throw foreignEntry(file, `${section}.${unread[0]}`);
  const rotated = tensors.map((tensor) =>
    folded.has(tensor.name) || inverse.has(tensor.name) ? { ...tensor, rotated: true } : tensor,
  );
  const rotation: Rotation = { block, signs, grouped };
  checkWidths(keys, rotated, rotation);
  checkShared(file, rotated);
  const choice = `${folded.size} matrices, in blocks of ${block}`;
  const reason = `the file says so in ${section}: their inputs are rotated before they are rounded`;
  return {
    tensors: rotated,
    rotation,
    decisions: [{ subject: 'Hadamard rotation', choice, reason }],
  };
}

function foreignEntry(file: GgufFile, key: string) {
  const found = 'a step of a graph of PrismML’s';
  return modelError(file.path, `metadata ${quote(key)}`, 'absent', found, notYet);
}

function readBlock(keys: Keys): number {
  const key = 'block_size';
  const block = keys.integer(key, limits.hadamardBlockRange);
  if (Number.isInteger(Math.log2(block))) return block;
  throw keys.error(key, 'a power of two', keys.describe(key), notYet);
}

/** The text of an entry, which must be one of those known. */
function only(keys: Keys, key: string, ...known: readonly string[]): string {
  const value = keys.get(key);
  if (typeof value === 'string' && known.includes(value)) return value;
  throw keys.error(key, known.map(quote).join(' or '), keys.describe(key), notYet);
}

function flag(keys: Keys, key: string): boolean {
  const value = keys.get(key) ?? false;
  if (typeof value === 'boolean') return value;
  throw keys.error(key, 'true or false', keys.describe(key));
}

/** Vectors of ±1 by their length; none where nothing is to be negated. */
function readSigns(keys: Keys, explicit: boolean): Rotation['signs'] {
  const [widths, values] = [keys.get('sign_widths'), keys.get('sign_values')];
  if (!explicit) return [];
  if (!(widths instanceof GgufNumbers) || widths.length > limits.maxSignVectors) {
    const expected = `an array of at most ${limits.maxSignVectors} widths`;
    throw keys.error('sign_widths', expected, keys.describe('sign_widths'));
  }
  const lengths = widths.toArray().map(Number);
  const wrong = lengths.find((n) => !Number.isInteger(n) || n < 1 || n > limits.maxFfnDim);
  if (wrong !== undefined || new Set(lengths).size !== lengths.length) {
    const expected = `different integers from 1 to ${limits.maxFfnDim}`;
    throw keys.error('sign_widths', expected, `${lengths.join(', ')}`);
  }
  const total = lengths.reduce((sum, length) => sum + length, 0);
  if (!(values instanceof GgufNumbers) || values.length !== total) {
    const expected = `an array of ${total}, the sum of sign_widths`;
    throw keys.error('sign_values', expected, keys.describe('sign_values'));
  }
  const signs = Int8Array.from({ length: total }, (_, i) => Number(values.get(i)));
  const other = signs.findIndex(
    (sign, i) => Math.abs(sign) !== 1 || Number(values.get(i)) !== sign,
  );
  if (other !== -1) throw keys.error('sign_values', '1 or −1 everywhere', `${values.get(other)}`);
  return lengths.map((length, i) => {
    const begin = lengths.slice(0, i).reduce((sum, before) => sum + before, 0);
    return signs.subarray(begin, begin + length);
  });
}

/** The tensors that an entry names, each of one of the roles. */
function names(
  keys: Keys,
  key: string,
  tensors: readonly TensorBinding[],
  roles: readonly TensorRole[],
): ReadonlySet<string> {
  const value = keys.get(key);
  if (value === undefined) return new Set();
  if (!(value instanceof GgufStrings) || value.length > tensors.length) {
    const expected = `an array of at most ${tensors.length} names of tensors`;
    throw keys.error(key, expected, keys.describe(key));
  }
  const known = new Set(tensors.filter(({ role }) => roles.includes(role)).map(({ name }) => name));
  const list = value.toArray();
  const other = list.find((name) => !known.has(name));
  if (other === undefined) return new Set(list);
  const expected = `names of tensors that can be rotated here (${roles.join(', ')})`;
  throw keys.error(key, expected, quote(other), notYet);
}

/** Whether the head is the embedding, which both ways of saying must agree on. */
function checkHead(keys: Keys, version: number, tensors: readonly TensorBinding[]): void {
  const key = 'tied_output';
  const tied = !tensors.some(({ role }) => role === 'output');
  const stated = keys.get(key) ?? version === 2;
  if (stated === tied && !(version === 2 && !tied)) return;
  const head = tied ? 'without an output.weight' : 'with an output.weight';
  throw keys.error(key, `${tied} in version ${version} ${head}`, keys.describe(key), notYet);
}

function checkWidths(
  keys: Keys,
  tensors: readonly TensorBinding[],
  { block, signs }: Rotation,
): void {
  for (const { rotated, name, cols } of tensors) {
    if (!rotated) continue;
    if (cols % block !== 0) {
      const expected = `a divisor of the ${cols} columns of ${quote(name)}`;
      throw keys.error('block_size', expected, `${block}`);
    }
    if (signs.length > 0 && !signs.some(({ length }) => length === cols)) {
      const expected = `to have ${cols}, the columns of ${quote(name)}`;
      throw keys.error('sign_widths', expected, signs.map(({ length }) => length).join(', '));
    }
  }
}

function checkShared(file: GgufFile, tensors: readonly TensorBinding[]): void {
  for (const roles of sharedInputs) {
    const rotated = new Map<number, boolean>();
    for (const tensor of tensors) {
      if (!roles.includes(tensor.role)) continue;
      const first = rotated.get(tensor.layer);
      const own = tensor.rotated === true;
      rotated.set(tensor.layer, first ?? own);
      if (first === undefined || first === own) continue;
      const field = 'metadata "prism.hadamard.weight_names"';
      const expected = `of all or none of ${roles.join(', ')} of a layer, which read the same`;
      const found = `${quote(tensor.name)} ${own ? 'with' : 'without'} the others`;
      throw modelError(file.path, field, expected, found, notYet);
    }
  }
}
