import type { Candidate } from './candidates.js';
import { Ranked } from './ranked.js';

/*
 * The samplers that take candidates away, each as its paper and llama.cpp define it. Probabilities are those among the candidates
 * that are left, at the temperature so far.
 */

/** The `k` best. */
export function topK(ranked: Ranked, k: number): Ranked {
  if (ranked.vocabSize !== undefined && k > ranked.vocabSize) return ranked;
  return ranked.head(take(ranked.items, k));
}

/** The fewest of the best that together reach `p`. */
export function topP(ranked: Ranked, p: number): Ranked {
  const total = ranked.total();
  return ranked.head(reaching(ranked, p * total));
}

function* reaching(ranked: Ranked, sum: number): Generator<Candidate, void> {
  let cumulative = 0;
  for (const candidate of ranked.items) {
    yield candidate;
    cumulative += ranked.weight(candidate.logit);
    if (cumulative >= sum) return;
  }
}

/** Those at least `p` times as likely as the best. */
export function minP(ranked: Ranked, p: number): Ranked {
  return ranked.head(atLeast(ranked, ranked.largest + ranked.temperature * Math.log(p)));
}

/** Those whose logit is at most `n` standard deviations of all logits below the best (Tang and others, 2024). */
export function topNSigma(ranked: Ranked, n: number): Ranked {
  const deviation = standardDeviation([...ranked.logits].filter((logit) => logit !== -Infinity));
  return ranked.head(atLeast(ranked, ranked.largest - n * deviation));
}

function* atLeast(ranked: Ranked, lowest: number): Generator<Candidate, void> {
  let first = true;
  for (const candidate of ranked.items) {
    if (!first && candidate.logit < lowest) return;
    first = false;
    yield candidate;
  }
}

function standardDeviation(values: readonly number[]): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const squares = values.reduce((sum, value) => sum + (value - mean) ** 2, 0);
  return Math.sqrt(squares / values.length);
}

/**
 * Those whose surprise, −log p, is closest to the expected one, the entropy, until their probabilities
 * together exceed `p` (Meister and others, 2022). They stand side by side: surprise only grows from the
 * best candidate down.
 */
export function typical(ranked: Ranked, p: number): Ranked {
  const total = ranked.total();
  const logProbability = (logit: number) => ranked.logProbability(logit, total);
  let entropy = 0;
  for (const logit of ranked.logits) {
    const weight = ranked.weight(logit);
    if (weight > 0) entropy -= (weight / total) * logProbability(logit);
  }
  const distance = ({ logit }: Candidate) => Math.abs(-logProbability(logit) - entropy);

  const left: Candidate[] = []; // likelier than expected, those still to be taken
  const kept: Candidate[] = [];
  let cumulative = 0;
  const exceeded = () => cumulative > p;
  const keep = (candidate: Candidate) => {
    kept.push(candidate);
    cumulative += ranked.weight(candidate.logit) / total;
  };
  for (const right of ranked.items) {
    if (-logProbability(right.logit) < entropy) {
      left.push(right);
      continue;
    }
    while (!exceeded() && left.length > 0 && distance(left.at(-1)!) <= distance(right)) {
      keep(left.pop()!);
    }
    if (exceeded()) break;
    keep(right);
    if (exceeded()) break;
  }
  while (!exceeded() && left.length > 0) keep(left.pop()!);
  kept.sort((a, b) => b.logit - a.logit || a.id - b.id);
  return Ranked.ofList(kept, ranked.temperature);
}

/** Without all but the last of those at least as likely as `threshold`: "exclude top choices". */
export function excludeTopChoices(ranked: Ranked, threshold: number): Ranked {
  const total = ranked.total();
  let count = 0;
  for (const { logit } of ranked.items) {
    if (ranked.weight(logit) / total < threshold) break;
    count++;
  }
  return count > 1 ? ranked.without(count - 1) : ranked;
}

function take(items: Iterable<Candidate>, count: number): Candidate[] {
  const taken: Candidate[] = [];
  for (const item of items) {
    taken.push(item);
    if (taken.length === count) break;
  }
  return taken;
}
