/** UTF-16 units of a grammar, and of a schema written as JSON. */
export const maxGrammarLength = 2 ** 20;

/** Groups in groups; native/grammar/limits.h allows three expressions in each other for each. */
export const maxGroupDepth = 90;

/** Of `{m,n}`, as in native/grammar/limits.h: repetitions are counted, not copied. */
export const maxRepetition = 2 ** 24;
