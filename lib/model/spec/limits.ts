/*
 * The largest hyper-parameters accepted from a file. They keep every product that is computed from
 * them in range and every allocation sane before the tensors' own sizes are checked against them,
 * and are well above the largest models there are.
 */

/** Transformer layers; the deepest models have about 130. */
export const maxLayers = 1024;

/** Width of the residual stream; the widest models have 18,432. */
export const maxDim = 65_536;

/** Width of the feed-forward layer; the widest have about 80,000. */
export const maxFfnDim = 262_144;

/** Experts of a layer; the most are 512. */
export const maxExperts = 1024;

/** Experts of all layers; usual are 6,000 to 24,000. Each takes a kilobyte besides its weights, which are padded. */
export const maxExpertsInAll = 65_536;

/** Range of what the gates and ups of experts are limited to; usual is 7. */
export const expertClampRange = { min: 0, max: 1e6 } as const;

/** Range of the blocks of a Walsh-Hadamard transform; usual is 1024. */
export const hadamardBlockRange = { min: 16, max: 65_536 } as const;

/** Widths of inputs that are rotated; a model has three. */
export const maxSignVectors = 64;

/** Query heads; the most are 128 or so. */
export const maxHeads = 4096;

/** Columns of a head; usual are 64 to 256. */
export const maxHeadDim = 1024;

/** Columns of all query heads together, with the same reason as `maxDim`. */
export const maxQueryDim = 262_144;

/** Tokens that a convolution sees; usual are 4. The engine has the same limit (kernels/vector/vector.h). */
export const maxTaps = 16;

/** Bytes of the states of all recurrent layers; usual are 20 to 200 MiB. A session has several. */
export const maxStateBytes = 2 ** 30;

/** Entries of the vocabulary; the largest have about 262,144. */
export const maxVocab = 4_194_304;

/** Positions a model can have been trained for; the longest are 10 million. */
export const maxContextLength = 16_777_216;

/** Range of the base of the rotary angles; usual are 10,000 to 10^11. Below 1 the angles would explode. */
export const ropeBaseRange = { min: 1, max: 1e15 } as const;

/** Range of the factor by which a context was stretched; usual are 1 to 32. */
export const ropeScaleRange = { min: 1e-3, max: 1e6 } as const;

/** Range of what rotary cosines and sines are multiplied by; usual are 1 to 1.3. */
export const ropeMagnitudeRange = { min: 1e-3, max: 1e3 } as const;

/** Range of the turns between which YaRN is gradual; usual are 1 and 32. */
export const yarnBetaRange = { min: 1e-3, max: 1e6 } as const;

/** Range of what queries, keys and values are clamped to; usual is 8. */
export const clampRange = { min: 1e-3, max: 1e6 } as const;

/** Range of Hunyuan's factor for the base of the rotary angles; usual is 1000. */
export const ropeAlphaRange = { min: 1e-3, max: 1e6 } as const;

/** Range of what embeddings, branches and logits are scaled by; usual are 0.2 to 16. */
export const graphScaleRange = { min: 1e-6, max: 1e6 } as const;

/** Range of what logits are soft-capped to; usual are 30 and 50. */
export const softcappingRange = { min: 1e-3, max: 1e6 } as const;

/** Range of the epsilon of the norms, usual are 1e-6 and 1e-5; as a float32 it must not become 0. */
export const normEpsRange = { min: 1e-30, max: 1 } as const;
