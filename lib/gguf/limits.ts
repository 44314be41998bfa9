/*
 * What a header may claim before the reader refuses it. A file is never trusted: each number here
 * stops a small or damaged file from making this process allocate, loop or overflow, and is still
 * far above what real models need.
 */

/**
 * Metadata entries. Stops a count that would loop or fill a Map for minutes; real files have 20 to 60.
 */
export const maxMetadataEntries = 65_536;

/** Tensors. Same attack; the largest real models have a few thousand per file. */
export const maxTensors = 65_536;

/**
 * Files of a split model. Stops a count that would look for tens of thousands of files; each stays
 * open while the model is loaded, and 1,024 is the usual limit of a process. Real models have up to 200.
 */
export const maxSplitShards = 512;

/** Bytes of a metadata key, the limit of the GGUF specification itself. */
export const maxKeyBytes = 65_535;

/** Bytes of a tensor name: what other readers accept (64 with the final NUL). */
export const maxTensorNameBytes = 63;

/**
 * Bytes of one string. Stops a 43-byte file that claims a string of 2^63 bytes, and keeps any
 * single decoded string small; the largest in real files is a tokenizer.json of about 30 MiB.
 */
export const maxStringBytes = 64 * 1024 * 1024;

/**
 * Elements of one array. Together with the check against the bytes left in the file it bounds the
 * offset table of a string array; the largest real vocabularies have 514,906 merges.
 */
export const maxArrayLength = 16 * 1024 * 1024;

/**
 * Bytes from the start of the file to the end of the tensor directory. Bounds the memory a parsed
 * header holds, whatever the file's size (it may be sparse); the largest real header has about 20 MiB.
 */
export const maxHeaderBytes = 256 * 1024 * 1024;

/** Dimensions of a tensor, the limit of the format's own library; more would overrun its arrays. */
export const maxDims = 4;

/**
 * Elements of one tensor. The product of the dimensions must not wrap: with this limit it, and the
 * tensor's size at 8 bytes per element, are exact in a double. The largest tensors have about 2^33.
 */
export const maxElements = 2 ** 48;

/**
 * `general.alignment` in bytes. Stops offsets that align up past the end of the number range; real
 * files use 32, and no page size exceeds this.
 */
export const maxAlignment = 16 * 1024 * 1024;
