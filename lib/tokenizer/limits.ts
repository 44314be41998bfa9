/*
 * What a vocabulary or a text may claim before it is refused. Files and prompts are never trusted:
 * each number stops an input that would take minutes or gigabytes, and is far above real ones.
 */

/** Tokens. Bounds the tables built from a vocabulary; the largest real ones have 262,144. */
export const maxTokens = 2 ** 20;

/** Merges. Bounds the merge table; the largest real vocabularies have 514,906. */
export const maxMerges = 2 ** 21;

/** Tokens that a file names as ends of a text; real ones name up to eight. */
export const maxEndTokens = 256;

/**
 * Bytes of one token or merge. Matching a merged symbol takes time in proportion to its length, so
 * this keeps encoding linear in the text; the longest real tokens have a few hundred bytes.
 */
export const maxTokenBytes = 4096;

/**
 * UTF-16 units of all tokens that are matched in text as a whole (control, unknown, user-defined).
 * Bounds the automaton that finds them; real vocabularies have up to 70,000 (6,400 `<unused…>`
 * tokens).
 */
export const maxSpecialTotal = 2 ** 18;

/**
 * UTF-16 units of a text to encode: some 500,000 tokens, more than any context. Bounds the memory
 * of a merge over one word (40 bytes per byte of text), and keeps the pre-tokenizers' regular
 * expressions within V8's backtrack stack (64 MiB, 16 bytes per letter of a word).
 */
export const maxTextLength = 2 ** 21;

/** Ids to decode at once: as many as the longest context has, since an iterable may be endless. */
export const maxDecodedIds = 2 ** 24;

/** Bytes of their texts together: well below what a string can hold. */
export const maxDecodedBytes = 2 ** 28;

/**
 * Steps of one look-up in a hash table that is half full at most. Honest entries need a dozen;
 * entries made to collide would turn the build quadratic, and are refused instead.
 */
export const maxProbes = 512;
