/*
 * What the files of a tokenizer may claim before they are refused. They are never trusted: each number
 * here bounds the memory and time they take, and is far above what real ones need. Tokens, merges and
 * their lengths are bounded as in a model file (see `lib/tokenizer/limits.ts`).
 */

/** Bytes of a tokenizer.json, which is held in memory; the largest real ones have 33 MB. */
export const maxTokenizerBytes = 100_000_000;

/** Bytes of a tokenizer.model; the largest real ones have 5 MB. */
export const maxModelBytes = 64_000_000;

/** Bytes of any other file of settings; real ones have up to 2 MB, with thousands of unused tokens. */
export const maxSettingsBytes = 16_000_000;

/** Bytes of a chat template in a file of its own: more than can be rendered. */
export const maxTemplateBytes = 1_000_000;

/** Chat templates; real checkpoints have up to four. */
export const maxTemplates = 64;

/** Levels of a JSON value whose contents are read as a whole; real ones have eight. */
export const maxDepth = 64;

/** JSON values in those; seven for each added token. */
export const maxValues = 2 ** 20;
