import { architectures, type Graph } from '../../model/spec/architectures.js';
import type { ModelSpec, TensorBinding } from '../../model/spec/spec.js';
import { globalNames, headName, layerNamesOf } from '../tensors/names.js';
import type { ExportedFamily } from './exported-families.js';

/** What a tensor is called in checkpoints. */
export function checkpointName(
  { role, layer, name }: TensorBinding,
  { architecture }: ModelSpec,
  { subNorms = 0 }: ExportedFamily,
): string {
  if (role === 'output') return headName;
  if (layer < 0) return `model.${globalNames[name]![0]!}`;
  const graph: Graph = {
    ...architectures.get(architecture)!,
    projectionNorms: false,
    longRope: false,
  };
  const names = layerNamesOf(partOf(name), graph);
  return `model.layers.${layer}.${names[/sub_norm$/.test(role) ? subNorms : 0]!}`;
}

/** The name within its layer: `attn_q.weight`. */
export function partOf(name: string): string {
  return name.replace(/^blk\.\d+\./, '');
}
