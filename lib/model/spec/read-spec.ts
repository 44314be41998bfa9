import { quote } from '../../gguf/malformed.js';
import type { GgufFile } from '../../gguf/types.js';
import { type Architecture, architectures, type Graph } from './architectures.js';
import { bindTensors, missingTensor } from './bind-tensors.js';
import { readRotation } from './hadamard.js';
import { type Hyperparameters, readHyperparameters } from './hyperparameters.js';
import { noteIgnored } from './ignored-keys.js';
import { Keys } from './keys.js';
import { maxVocab } from './limits.js';
import { modelError } from './model-error.js';
import { decideActivation, decideAttentionScale, decideHead, decidePooling } from './quirks.js';
import { readScales } from './scales.js';
import type { ModelSpec } from './spec.js';
import { decideStorage, type StorageOverrides } from './ternary-storage.js';

export interface SpecOverrides extends StorageOverrides {
  /** @default what the file says, else the rules in quirks.ts */
  readonly activation?: ModelSpec['activation'];
}

/**
 * Interprets the metadata and tensor directory of a file as a model of one of the supported
 * architectures, and checks that both agree.
 *
 * @throws ERR_BITNET_MODEL when the file holds no model that can run, ERR_BITNET_TYPE when a
 * tensor has an unsupported type, ERR_BITNET_ARGUMENT for a wrong override
 */
export function readSpec(file: GgufFile, overrides: SpecOverrides = {}): ModelSpec {
  const [architecture, graph] = findArchitecture(file);
  refusePartial(file);
  const keys = new Keys(file, architecture);
  const sizes = readHyperparameters(keys, graph);
  const vocabSize = readVocab(keys, sizes);
  const facts = {
    ...sizes,
    architecture,
    vocabSize,
    tokenizer: file.metadata.get('tokenizer.ggml.model'),
  };
  const activation = decideActivation(keys, graph, facts, overrides.activation);
  const attentionScale = decideAttentionScale(facts);
  const scales = readScales(keys, graph, sizes);
  const pooling = decidePooling(keys, graph);
  const { tensors: bound, unused } = bindTensors(file, graph, { ...sizes, vocabSize }, overrides);
  const { tensors, rotation, decisions: rotated } = readRotation(file, bound);
  noteIgnored(keys, { ...sizes, attentionScale: attentionScale.value });
  const name = file.metadata.get('general.name');
  return {
    architecture,
    ...(typeof name === 'string' ? { name } : {}),
    ...sizes,
    vocabSize,
    rope: { type: graph.rope, ...sizes.rope },
    attentionScale: attentionScale.value,
    ...scales,
    activation: activation.choice,
    ...(rotation && { rotation }),
    ...(pooling && { pooling: pooling.choice }),
    decisions: [
      activation,
      decideHead(tensors.some(({ role }) => role === 'output')),
      ...decideStorage(file, tensors, overrides),
      ...(attentionScale.decision ? [attentionScale.decision] : []),
      ...(pooling ? [pooling] : []),
      ...rotated,
      ...keys.decisions,
    ],
    tensors,
    ...(file.shards && { shards: file.shards.map(({ path }) => path) }),
    unused,
  };
}

function findArchitecture(file: GgufFile): [string, Graph] {
  const name = file.metadata.get('general.architecture');
  const known = typeof name === 'string' ? architectures.get(name) : undefined;
  if (typeof name === 'string' && known !== undefined) return [name, graphOf(name, known, file)];
  const found = typeof name === 'string' ? quote(name) : 'no such text';
  const expected = `one of ${[...architectures.keys()].join(', ')}`;
  const advice = 'only models of these architectures can run';
  throw modelError(file.path, 'metadata "general.architecture"', expected, found, advice);
}

/** What an architecture leaves to the file: whether each projection has a norm of its own, and how positions scale. */
function graphOf(name: string, architecture: Architecture, { tensors, metadata }: GgufFile): Graph {
  const normed = tensors.some(({ name }) => name === 'blk.0.attn_q_norm_in.weight');
  return {
    ...architecture,
    projectionNorms: normed && architecture.projectionNorms === true,
    longRope: metadata.get(`${name}.rope.scaling.type`) === 'longrope',
  };
}

/** Refuses files that hold less than a model. */
function refusePartial(file: GgufFile): void {
  if (file.tensors.length === 0) {
    const advice = 'this is a vocabulary without a model, give the path of a model';
    throw modelError(file.path, 'the tensor count', 'at least 1', '0', advice);
  }
}

/** The rows of the embedding, which every token id must be below. */
function readVocab(keys: Keys, { dim }: Hyperparameters): number {
  const { file } = keys;
  const name = 'token_embd.weight';
  const embedding = file.tensors.find((tensor) => tensor.name === name);
  if (embedding === undefined) throw missingTensor(file, name);
  const vocabSize = embedding.dims[1] ?? 1;
  if (vocabSize < 1 || vocabSize > maxVocab) {
    const expected = `of shape [${dim}, vocabulary] with a vocabulary from 1 to ${maxVocab}`;
    const found = `[${embedding.dims.join(', ')}]`;
    throw modelError(file.path, `tensor "${name}"`, expected, found);
  }
  // Some converters write the number of tokens without the rows that pad them, or an older one.
  const stated = keys.get('vocab_size');
  if (stated !== undefined && stated !== vocabSize) {
    const reason = `${keys.architecture}.vocab_size is ${keys.describe('vocab_size')}, but these are the rows of ${name}`;
    keys.decide('vocabulary', String(vocabSize), reason);
  }
  const tokens = file.metadata.get('tokenizer.ggml.tokens');
  if (typeof tokens === 'object' && tokens.length > vocabSize) {
    const expected = `at most ${vocabSize} tokens, the rows of ${name}`;
    const found = `${tokens.length}`;
    throw modelError(file.path, 'metadata "tokenizer.ggml.tokens"', expected, found);
  }
  return vocabSize;
}
