import type { BitnetError } from '../../errors.js';
import { quote } from '../../gguf/malformed.js';
import type { Graph } from '../../model/spec/architectures.js';
import type { TensorKind } from '../../model/spec/graph-tensors.js';
import { modelError } from '../../model/spec/model-error.js';
import type { SafetensorsTensor, TensorDirectory } from '../../safetensors/types.js';
import type { Hyperparameters } from '../config/hyperparameters.js';
import type { Family } from '../families.js';
import type { ScaleDecision, ScaleRule } from '../scale-rule.js';
import type { Arrangement } from './orders.js';

/** A tensor of the GGUF file and where its numbers come from. */
export interface PlannedTensor extends Arrangement {
  /** In the GGUF file. */
  readonly name: string;
  readonly kind: TensorKind;
  /** A vector has one row. */
  readonly rows: number;
  readonly cols: number;
  readonly source: SafetensorsTensor;
  /** Matrices that stand one after the other in this one, as the checkpoint has them one by one. */
  readonly parts?: readonly PlannedTensor[];
  /** How weights come about; 'stored' for all but linear layers. */
  readonly rule: ScaleRule;
  /** Of packed trits the tensor with their scale. */
  readonly scale?: SafetensorsTensor;
  /** Whether it is never stored as trits. */
  readonly plain?: true;
  /** What each number becomes. */
  readonly map?: (value: number) => number;
}

/** What a checkpoint is, as far as its tensors go. */
export interface Checkpoint {
  /** Of its folder, for errors. */
  readonly path: string;
  readonly tensors: TensorDirectory;
  /** What all names of the language model begin with: 'model.'. */
  readonly prefix: string;
  readonly family: Family;
  readonly graph: Graph;
  readonly parameters: Hyperparameters;
  readonly decision: ScaleDecision;
}

/** The error for a tensor of a checkpoint. */
export function checkpointError(
  { path }: { readonly path: string },
  name: string,
  expected: string,
  found: string,
  advice: string,
  code: 'ERR_BITNET_MODEL' | 'ERR_BITNET_TYPE' = 'ERR_BITNET_MODEL',
): BitnetError {
  return modelError(path, `tensor ${quote(name)}`, expected, found, advice, code);
}
