import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { BitnetError } from '../../errors.js';
import { quote } from '../../gguf/malformed.js';
import { readGguf } from '../../gguf/reader.js';
import { architectures, type Graph } from '../../model/spec/architectures.js';
import type { Sizes } from '../../model/spec/graph-tensors.js';
import { modelError } from '../../model/spec/model-error.js';
import { readSpec } from '../../model/spec/read-spec.js';
import type { ModelSpec } from '../../model/spec/spec.js';
import { readHyperparameters } from '../config/hyperparameters.js';
import { readSettings } from '../config/json-file.js';
import { familyOf } from '../families.js';

/** The model that an adapter belongs to, as far as its layers go. */
export interface BaseModel {
  readonly path: string;
  readonly architecture: string;
  readonly graph: Graph;
  readonly sizes: Sizes & { readonly nLayer: number };
}

/**
 * @param given a GGUF file, or a folder with config.json
 * @param named in adapter_config.json, used where it is such a path
 * @throws ERR_BITNET_ARGUMENT where neither is, and errors of reading it
 */
export async function readBaseModel(given?: string, named?: string): Promise<BaseModel> {
  const path = given ?? ((await isModel(named)) ? named! : undefined);
  if (path === undefined) {
    const found = named === undefined ? 'the adapter names none' : `${quote(named)} is not here`;
    const message = `Expected the model that the adapter was made for, but ${found}; name its GGUF file, or a folder with its config.json (--base, option base).`;
    throw new BitnetError('ERR_BITNET_ARGUMENT', message, { option: 'base' });
  }
  return (await isFolder(path)) ? ofFolder(path) : ofFile(path);
}

async function isModel(path: string | undefined): Promise<boolean> {
  if (path === undefined || path === '') return false;
  return /\.gguf$/i.test(path) ? exists(path) : exists(join(path, 'config.json'));
}

async function ofFile(path: string): Promise<BaseModel> {
  const spec = readSpec(await readGguf(path));
  if (spec.tensors.some(({ role }) => role === 'attn_q_norm_in')) {
    const [expected, found] = ['without norms before single projections', 'some'];
    const advice = 'it is not known on which side of them adapters were trained';
    throw modelError(path, 'the base', expected, found, advice);
  }
  return baseModelOf(path, spec);
}

/** @param path of the model, for errors */
export function baseModelOf(path: string, spec: ModelSpec): BaseModel {
  const { architecture } = spec;
  return { path, architecture, graph: graphOf(architecture), sizes: spec };
}

async function ofFolder(path: string): Promise<BaseModel> {
  const settings = await readSettings(path, 'config.json');
  const family = familyOf(settings);
  const config = family.part === undefined ? settings : settings.merged(family.part);
  const { sizes } = readHyperparameters(config, family);
  const { architecture } = family;
  const { gatedAttention } = graphOf(architecture);
  const all = { ...sizes, rope: { dim: sizes.headDim }, ...(gatedAttention && { gatedAttention }) };
  return { path, architecture, graph: graphOf(architecture), sizes: all };
}

function graphOf(architecture: string): Graph {
  return { ...architectures.get(architecture)!, projectionNorms: false, longRope: false };
}

async function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (found) => found.isDirectory(),
    () => false,
  );
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
