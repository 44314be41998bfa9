import { random } from '../fixtures/random.js';
import { copyOf, type TinyModel, tinyArchitectures, tinyModel } from '../fixtures/tiny-model.js';
import { type Draw, drawing } from './draw.js';
import { mutateData } from './mutate-data.js';
import { mutateMetadata } from './mutate-metadata.js';
import { mutateTensors } from './mutate-tensors.js';
import { mutateVocabulary } from './mutate-vocabulary.js';

/** A model that differs from a sound one in its structure, and what was done to it. */
export interface Mutant {
  readonly model: TinyModel;
  readonly changes: readonly string[];
}

/** Mutations whose result most often loads come often: the forward pass is what they are to reach. */
const mutations = [
  { weight: 6, mutate: mutateData },
  { weight: 5, mutate: mutateMetadata },
  { weight: 4, mutate: mutateVocabulary },
  { weight: 1, mutate: mutateTensors },
];

/** Making a sound model takes longer than everything that is done with it: there are this many. */
const soundModels = 40;
const made = new Map<number, TinyModel>();

/** The mutant number `seed`: the same on every machine. */
export function mutant(seed: number): Mutant {
  const draw = drawing(random(seed));
  const model = copyOf(soundModel(seed % soundModels));
  const changes: string[] = [];
  for (let n = draw.of([1, 1, 2, 3]); n > 0; n--) {
    changes.push(draw.weighted(mutations).mutate(model, draw));
  }
  return { model, changes };
}

/** Of any architecture, weight type and shape, each tensor as its type wants it. */
function soundModel(seed: number): TinyModel {
  const known = made.get(seed);
  if (known) return known;
  const model = makeSoundModel(drawing(random(seed)), seed);
  made.set(seed, model);
  return model;
}

function makeSoundModel(draw: Draw, seed: number): TinyModel {
  const arch = draw.of(tinyArchitectures);
  return tinyModel({
    seed,
    arch,
    nLayer: draw.of([1, 1, 2]),
    dim: 256,
    ffnDim: 256,
    headDim: draw.of([64, 64, 128]),
    nHead: 4,
    stateDim: 64, // 256 values in all heads, which every type's blocks divide
    nKvHead: draw.of([1, 2, 4]),
    vocabSize: draw.of([266, 300, 515]),
    tied: draw.chance(0.7) && arch !== 'maple',
    weightType: draw.of([
      ...([
        'I2_S',
        'TQ1_0',
        'TQ2_0',
        'IQ1_BN',
        'IQ2_BN',
        'IQ2_BN_R4',
        'Q2_0',
        'PQ2_0',
        'PTQ1_0',
      ] as const),
      ...(['F16', 'Q8_0', 'Q4_K', 'Q6_K', 'IQ4_NL'] as const),
    ]),
    headType: draw.of(['F16', 'F32', 'BF16', 'Q8_0', 'Q6_K', 'Q4_0', 'Q5_1']),
    normType: draw.of(['F32', 'F32', 'F16', 'BF16']),
    unevenScales: draw.chance(0.5),
    ropeFreqs: draw.chance(0.2),
    biases: draw.chance(0.2),
    projectionNorms: /qwen3|gemma3/.test(arch) && draw.chance(0.2),
    window: draw.of(arch === 'maple' ? [1, 5, 300] : [0, 0, 1, 5, 300]),
    contextLength: draw.of([1, 16, 256, 100_000]),
  });
}
