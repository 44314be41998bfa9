/*
 * Limits of a single value or template; a Budget limits the cost of a whole call.
 * Templates are programs that come from model files: these numbers are far above what real ones need.
 */

/** Characters of a template's source; the longest real ones have about 20,000. */
export const maxTemplateLength = 2 ** 17;

/**
 * Characters of one text. More than all messages of a chat together, because templates join them, and
 * what an encoder takes.
 */
export const maxTextLength = 2 ** 21;

/** Elements of one list, and of a `range(…)`. */
export const maxElements = 100_000;

/** Levels of lists in lists, when they are written out or compared. */
export const maxValueDepth = 64;

/** Levels of brackets and blocks in a template. */
export const maxNesting = 100;

/** Levels of expressions, statements and macros that run inside each other. */
export const maxCallDepth = 800;
