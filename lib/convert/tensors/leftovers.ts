import { count } from '../../count.js';
import { type Checkpoint, checkpointError, type PlannedTensor } from './checkpoint.js';
import { headName, staleNames } from './names.js';

/**
 * Refuses tensors that would be lost: without one that the model was trained with, the result is wrong.
 *
 * @throws ERR_BITNET_MODEL
 */
export function refuseLeftovers(checkpoint: Checkpoint, planned: readonly PlannedTensor[]): void {
  const { tensors, family, parameters } = checkpoint;
  const used = new Set(
    planned.flatMap((tensor) =>
      (tensor.parts ?? [tensor]).flatMap(({ source, scale }) => [source, scale]),
    ),
  );
  for (const [name, tensor] of tensors) {
    if (used.has(tensor) || staleNames.test(name) || family.otherParts?.test(name)) continue;
    if (parameters.tied && name.endsWith(headName)) continue;
    const expected = `one that models of architecture ${family.architecture} have`;
    const found = `no place for it in one of ${count(parameters.sizes.nLayer, 'layer')}`;
    throw checkpointError(
      checkpoint,
      name,
      expected,
      found,
      'models with it cannot be converted yet',
    );
  }
}
