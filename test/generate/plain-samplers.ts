import type { SamplingSettings } from '../../lib/generate/samplers.js';

/*
 * Every sampler as llama.cpp's comments and the papers define it, written plainly over whole lists of candidates: what the
 * product's are compared with.
 */

export interface PlainCandidate {
  readonly id: number;
  readonly logit: number;
}

type Options = Omit<SamplingSettings, 'seed'>;

/** What is left of all logits, best first, ties to the lower id. */
export function plainChain(
  logits: ArrayLike<number>,
  options: Options,
  history: readonly number[],
  /** Whether XTC is due. */
  excludes: boolean,
  breakers: readonly number[] = [],
): PlainCandidate[] {
  let list = sorted(Array.from(logits, (logit, id) => ({ id, logit })));
  for (const name of options.samplers) {
    list = sorted(applied(name, list, options, history, excludes, breakers)).filter(
      ({ logit }) => logit !== -Infinity,
    );
  }
  return list;
}

/** Their probabilities, by id. */
export function probabilities(list: readonly PlainCandidate[]): number[] {
  const most = Math.max(...list.map(({ logit }) => logit));
  const weights = list.map(({ logit }) => Math.exp(logit - most));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function runningSums(values: readonly number[]): number[] {
  let sum = 0;
  return values.map((value) => {
    sum += value;
    return sum;
  });
}

function sorted(list: readonly PlainCandidate[]): PlainCandidate[] {
  return [...list].sort((a, b) => b.logit - a.logit || a.id - b.id);
}

function applied(
  name: Options['samplers'][number],
  list: readonly PlainCandidate[],
  options: Options,
  history: readonly number[],
  excludes: boolean,
  breakers: readonly number[],
): readonly PlainCandidate[] {
  const chances = probabilities(list);
  switch (name) {
    case 'penalties': {
      const { repeatLastN, repeatPenalty, presencePenalty, frequencyPenalty } = options;
      const last = repeatLastN < 0 ? history : history.slice(-repeatLastN);
      return list.map(({ id, logit }) => {
        const count = last.filter((other) => other === id).length;
        if (count === 0) return { id, logit };
        const repeated = logit > 0 ? logit / repeatPenalty : logit * repeatPenalty;
        return { id, logit: repeated - presencePenalty - count * frequencyPenalty };
      });
    }
    case 'dry':
      return list.map(({ id, logit }) => {
        const penalty = plainDry(id, options, history, breakers);
        return { id, logit: logit - penalty };
      });
    case 'top_n_sigma': {
      if (options.topNSigma === 0) return list;
      const mean = list.reduce((sum, { logit }) => sum + logit, 0) / list.length;
      const variance = list.reduce((sum, { logit }) => sum + (logit - mean) ** 2, 0) / list.length;
      const lowest = list[0]!.logit - options.topNSigma * Math.sqrt(variance);
      return list.filter(({ logit }) => logit >= lowest);
    }
    case 'top_k':
      return options.topK === 0 ? list : list.slice(0, options.topK);
    case 'typ_p': {
      if (options.typicalP === 1) return list;
      const surprise = chances.map((p) => -Math.log(p));
      const entropy = chances.reduce((sum, p, i) => sum + (p > 0 ? p * surprise[i]! : 0), 0);
      const order = [...list.keys()].sort(
        (a, b) => Math.abs(surprise[a]! - entropy) - Math.abs(surprise[b]! - entropy) || a - b,
      );
      const sums = runningSums(order.map((i) => chances[i]!));
      const count = sums.filter((sum) => sum <= options.typicalP).length + 1;
      return order.slice(0, count).map((i) => list[i]!);
    }
    case 'top_p': {
      if (options.topP === 1) return list;
      return list.slice(0, runningSums(chances).filter((sum) => sum < options.topP).length + 1);
    }
    case 'min_p':
      return list.filter((_, i) => i === 0 || chances[i]! >= options.minP * chances[0]!);
    case 'xtc': {
      const count = chances.filter((p) => p >= options.xtcThreshold).length;
      return excludes && count > 1 ? list.slice(count - 1) : list;
    }
    case 'temperature':
      return list.map(({ id, logit }) => ({ id, logit: logit / options.temperature }));
  }
}

/** By definition: the longest end of the history that stands elsewhere in it, before this token. */
function plainDry(
  id: number,
  options: Options,
  history: readonly number[],
  breakers: readonly number[],
): number {
  const { dryMultiplier, dryBase, dryAllowedLength, dryPenaltyLastN } = options;
  if (dryMultiplier === 0 || dryPenaltyLastN === 0 || breakers.includes(id)) return 0;
  const seen = dryPenaltyLastN < 0 ? history : history.slice(-dryPenaltyLastN);
  if (seen.length <= dryAllowedLength) return 0;
  const lastBreaker = seen.findLastIndex((token) => breakers.includes(token));
  const limit = seen.length - 1 - lastBreaker;
  let longest = 0;
  for (let at = 1; at < seen.length; at++) {
    if (seen[at] !== id) continue;
    let length = 0;
    while (length < at && length < limit && seen[at - 1 - length] === seen.at(-1 - length))
      length++;
    longest = Math.max(longest, length);
  }
  if (longest < dryAllowedLength) return 0; // 1 at least
  return dryMultiplier * dryBase ** (longest - dryAllowedLength);
}
