import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Graph } from '../model/spec/architectures.js';
import { openCheckpoint } from '../safetensors/checkpoint.js';
import { readHyperparameters } from './config/hyperparameters.js';
import { readSettings } from './config/json-file.js';
import { familyOf, graphOf } from './families.js';
import { decideScaleRule } from './scale-rule.js';
import type { Checkpoint } from './tensors/checkpoint.js';
import { prefixOf } from './tensors/plan.js';

/**
 * What a checkpoint is: its settings, its tensors, and the rule of its weights; of tensors only the headers are read.
 *
 * @param path of a folder, or of a safetensors file or index in it
 * @throws ERR_BITNET_FILE, ERR_BITNET_SAFETENSORS, ERR_BITNET_MODEL
 */
export async function readCheckpoint(path: string): Promise<Checkpoint> {
  const tensors = await openCheckpoint(path);
  const folder = (await stat(path)).isDirectory() ? path : dirname(path);
  const settings = await readSettings(folder, 'config.json');
  const family = familyOf(settings);
  const config = family.part === undefined ? settings : settings.merged(family.part);
  const prefix = prefixOf(folder, tensors);
  const architecture = graphOf(family);
  const parameters = readHyperparameters(config, family);
  const graph: Graph = {
    ...architecture,
    longRope: parameters.tensors.has('rope_factors_long.weight'),
    projectionNorms:
      architecture.projectionNorms === true &&
      tensors.has(`${prefix}layers.0.self_attn.q_proj.norm.weight`),
  };
  return {
    path: folder,
    tensors,
    prefix,
    family,
    graph,
    parameters,
    decision: decideScaleRule(config, graph.projectionNorms),
  };
}
