/** Token ids that are evaluated from an empty context; those from `from` on (at least 1) are scored. */
export interface Window {
  readonly ids: readonly number[];
  readonly from: number;
}

/**
 * The windows of llama-perplexity: the text, begin token included, is cut into chunks of `context`
 * tokens; what does not fill the last one is left out. Where the model wants a begin token, it takes
 * the place of each chunk's first. Tokens after position context / 2 (rounded down) are scored, so
 * that each of them follows at least half a context.
 *
 * @param ids the text's tokens, with the begin token if there is one
 */
export function chunkWindows(
  ids: readonly number[],
  context: number,
  begin: number | undefined,
): Window[] {
  return Array.from({ length: Math.floor(ids.length / context) }, (_, i) => {
    const chunk = ids.slice(i * context, (i + 1) * context);
    if (begin !== undefined) chunk[0] = begin;
    return { ids: chunk, from: Math.floor(context / 2) + 1 };
  });
}

/**
 * Windows of up to `context` tokens, each `stride` tokens after the one before, that score what no
 * earlier window has: every token of the text once, after at least `context` - `stride` others (but
 * for the first window's). Where the model wants a begin token, each window starts with it; where
 * it does not, nothing precedes the text's first token, which is not scored.
 *
 * @param ids the text's tokens, without a begin token
 */
export function strideWindows(
  ids: readonly number[],
  context: number,
  begin: number | undefined,
  stride: number,
): Window[] {
  const prefix = begin === undefined ? [] : [begin];
  const room = context - prefix.length;
  const windows: Window[] = [];
  for (let start = 0, scored = 0; scored < ids.length; start += stride) {
    const from = Math.max(prefix.length + scored - start, 1);
    windows.push({ ids: [...prefix, ...ids.slice(start, start + room)], from });
    scored = start + room;
  }
  return windows;
}
