/*
 * What a chat template, which comes from a model file, may cost before it is stopped. Templates are
 * programs: these numbers keep a hostile one from hanging or exhausting the process, and are far
 * above what real ones need.
 */

/** Characters of a template's source; the longest real ones have about 20,000. */
export const maxTemplateLength = 2 ** 17;

/** Characters of all messages together: what `Tokenizer.encode` takes, with room for the template. */
export const maxContentLength = 2 ** 20;

/** Messages of one chat. Bounds the steps of a template's loop over them. */
export const maxMessages = 10_000;

/**
 * Milliseconds for reading a template, and again for one rendering. Real ones take a few; this only
 * ends what the other limits let through, such as the parser's search through runs of spaces.
 */
export const maxMilliseconds = 2000;

/**
 * Steps of one rendering: one per evaluated expression, per element of a list made and per 64
 * characters of text. Real templates take about 50 per message. A step keeps some 100 bytes alive.
 */
export const maxSteps = 2_000_000;

/**
 * Size of one value: characters of a text, of a list written out. More than all messages together,
 * because templates join them, and what an encoder takes.
 */
export const maxValueSize = 2 ** 21;

/** Levels of lists in lists. Bounds the indentation of a list written out, and recursion. */
export const maxDepth = 64;

/** Elements of a `range(…)`; templates count messages with it. */
export const maxRange = 100_000;
