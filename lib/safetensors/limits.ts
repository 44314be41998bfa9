/*
 * What a checkpoint may claim before the reader refuses it. A file is never trusted: each number here
 * stops a small or damaged file from making this process allocate, loop or overflow, and is still
 * far above what real checkpoints need.
 */

/** Bytes of a header, the limit of the format itself. It is held in memory while it is parsed. */
export const maxHeaderBytes = 100_000_000;

/** Bytes of an index, which is held in memory too; the largest real ones have about 20 MB. */
export const maxIndexBytes = 100_000_000;

/**
 * Tensors of a checkpoint, and members of any object in a header or index. A header of the largest
 * size would otherwise fill gigabytes with two million; the largest models, which have a tensor per
 * expert, have about 190,000.
 */
export const maxTensors = 262_144;

/** Shards of a checkpoint. Stops an index that names a file per tensor; real ones name up to 200. */
export const maxShards = 1024;

/** UTF-16 units of a tensor's name, which is held in memory; real ones have up to 150. */
export const maxNameLength = 1024;

/** Dimensions of a tensor: what NumPy and PyTorch can hold. */
export const maxDims = 64;

/** Bits of a tensor's data, so that its size and the product of its dimensions are exact in a double. */
export const maxTensorBits = Number.MAX_SAFE_INTEGER;

/**
 * Objects and arrays within each other where the contents do not matter. Bounds the stack, and the
 * keys that are held to find duplicates; real files have two.
 */
export const maxDepth = 8;

/**
 * Values of a header or index whose contents do not matter. Bounds the time for them; real files
 * have a few in all, and one more per tensor would do no harm.
 */
export const maxSkipped = 2 ** 20;
