import { argumentError } from '../checks/options.js';
import { fileTypes } from '../gguf/file-types.js';
import type { TernaryType } from '../gguf/pack-trits.js';
import { typeNamed } from '../gguf/tensor-types.js';

/** A type that tensors can be quantized into. */
export type TensorTypeName =
  | TernaryType
  | ('F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q6_K' | 'Q5_K' | 'Q4_K')
  | ('Q5_1' | 'Q5_0' | 'Q4_1' | 'Q4_0' | 'IQ4_NL');

/** What a model is quantized into: a type, or a mixture of types with llama.cpp's name. */
export type QuantizeType =
  | Exclude<TensorTypeName, 'Q4_K' | 'Q5_K' | 'Q4_1' | 'Q5_0' | 'Q5_1'>
  | ('Q5_K_M' | 'Q5_K_S' | 'Q4_K_M' | 'Q4_K_S');

/** Columns that share a scale; 0: all of a tensor. */
const ternaryGroups: Readonly<Record<TernaryType, number>> = {
  I2_S: 0,
  TQ1_0: 256,
  TQ2_0: 256,
  Q2_0: 64,
};

export const tensorTypes: readonly TensorTypeName[] = [
  ...(Object.keys(ternaryGroups) as TernaryType[]),
  ...(['F32', 'F16', 'BF16', 'Q8_0', 'Q6_K', 'Q5_K', 'Q4_K'] as const),
  ...(['Q5_1', 'Q5_0', 'Q4_1', 'Q4_0', 'IQ4_NL'] as const),
];

/** Columns that share a scale in a ternary type, 0 for all of a tensor; undefined of other types. */
export function ternaryGroup(type: string): number | undefined {
  return Object.hasOwn(ternaryGroups, type) ? ternaryGroups[type as TernaryType] : undefined;
}

/** Of each choice the type most tensors get, and its number in `general.file_type`. */
const choices: Readonly<Record<QuantizeType, readonly [TensorTypeName, fileType: number]>> = {
  I2_S: ['I2_S', fileTypes.I2_S],
  TQ1_0: ['TQ1_0', fileTypes.TQ1_0],
  TQ2_0: ['TQ2_0', fileTypes.TQ2_0],
  Q2_0: ['Q2_0', fileTypes.Q2_0],
  Q8_0: ['Q8_0', fileTypes.Q8_0],
  Q6_K: ['Q6_K', fileTypes.Q6_K],
  Q5_K_M: ['Q5_K', 17],
  Q5_K_S: ['Q5_K', 16],
  Q4_K_M: ['Q4_K', 15],
  Q4_K_S: ['Q4_K', 14],
  IQ4_NL: ['IQ4_NL', fileTypes.IQ4_NL],
  Q4_0: ['Q4_0', fileTypes.Q4_0],
  F16: ['F16', fileTypes.F16],
  BF16: ['BF16', fileTypes.BF16],
  F32: ['F32', fileTypes.F32],
};

export const quantizeTypes = Object.keys(choices) as readonly QuantizeType[];

/** As llama-quantize has them. */
const aliases: Readonly<Record<string, QuantizeType>> = { Q4_K: 'Q4_K_M', Q5_K: 'Q5_K_M' };

/** All that `checkedQuantizeType` takes. */
export const quantizeTypeNames: readonly string[] = [...quantizeTypes, ...Object.keys(aliases)];

export function mainType(type: QuantizeType): TensorTypeName {
  return choices[type][0];
}

export function fileType(type: QuantizeType): number {
  return choices[type][1];
}

/** Types of weights that have not been rounded to a few levels. */
export function isFloat(type: string): boolean {
  return type === 'F32' || type === 'F16' || type === 'BF16';
}

/** Columns of a row that are stored together. */
export function blockOf(type: TensorTypeName): number {
  return typeNamed(type)!.block;
}

/** A type in any spelling: 'q4_k', 'Q4_K_M'. @throws ERR_BITNET_ARGUMENT */
export function checkedQuantizeType(value: unknown): QuantizeType {
  const name = typeof value === 'string' ? value.toUpperCase() : '';
  const type = Object.hasOwn(aliases, name) ? aliases[name] : name;
  if (Object.hasOwn(choices, type!)) return type as QuantizeType;
  throw argumentError(`one of ${quantizeTypes.join(', ')}`, 'option type', value);
}

/** @throws ERR_BITNET_ARGUMENT */
export function checkedTensorType(option: string, value: unknown): TensorTypeName | undefined {
  if (value === undefined) return undefined;
  const name = typeof value === 'string' ? value.toUpperCase() : '';
  const type = tensorTypes.find((known) => known === name);
  if (type !== undefined) return type;
  throw argumentError(`one of ${tensorTypes.join(', ')}`, `option ${option}`, value);
}
