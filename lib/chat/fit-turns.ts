import type { ChatMessage } from './messages.js';

/**
 * The fewest oldest turns to drop, from 1 to all but the last message, so that the rest fits: mostly
 * `share` of the whole. Every look renders and encodes a chat, so there are few: they begin at a guess
 * by length, go on in growing steps, and then halve what is between. All are dropped unseen when
 * nothing less fits.
 *
 * @param messages user and assistant in turn, and a last one of the user
 * @param fits whether it does without this many; when it does, it does without more
 */
export async function fewestDropped(
  messages: readonly ChatMessage[],
  share: number,
  fits: (dropped: number) => Promise<boolean>,
): Promise<number> {
  const most = (messages.length - 1) / 2;
  let tooFew = 0;
  let enough = most;
  let step = 1;
  let next = turnsBefore(messages, share);
  while (enough - tooFew > 1) {
    const dropped = Math.min(enough - 1, Math.max(tooFew + 1, next));
    const found = await fits(dropped);
    if (found) enough = dropped;
    else tooFew = dropped;
    const isBetween = tooFew > 0 && enough < most;
    next = isBetween ? (tooFew + enough) >> 1 : found ? dropped - step : dropped + step;
    step *= 2;
  }
  return enough;
}

/** How many turns are before the last `share` of all characters. */
function turnsBefore(messages: readonly ChatMessage[], share: number): number {
  const total = messages.reduce((sum, { content }) => sum + content.length, 0);
  let rest = total;
  let i = 0;
  while (i < messages.length && rest > total * share) rest -= messages[i++]!.content.length;
  return i >> 1;
}
