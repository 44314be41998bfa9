/*
 * Limits of a chat and of its template's cost. Templates come from model files: these numbers
 * keep a hostile one from hanging or exhausting the process, and are far above what real ones need.
 */

/** Characters of all messages together: what `Tokenizer.encode` takes, with room for the template. */
export const maxContentLength = 2 ** 20;

/** Messages of one chat. Bounds the steps of a template's loop over them. */
export const maxMessages = 10_000;

/**
 * Steps of all renderings of one call together, and one for each character of theirs that becomes
 * tokens. Real templates take about 60 a message. All of them take at most two seconds and 200 MB.
 */
export const maxSteps = 4_000_000;
