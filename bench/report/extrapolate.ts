import type { BenchResult, TrialMemory } from './report.js';
import { isNoisy, spread } from './spread.js';

/** A quantity of a model with so many layers. */
export interface LayerPoint {
  readonly layers: number;
  readonly value: number;
}

/** What each layer adds to a quantity, and the rest: for time and traffic the head, embedding and sampling. Neither is negative. */
export interface LayerCost {
  readonly perLayer: number;
  readonly rest: number;
}

/**
 * The straight line through a quantity at two numbers of layers, `few` and `more`. Where noise lets it fall or begin below zero, the
 * larger model alone decides, as if all of it were layers: for a larger model still that is too much rather than too little.
 */
export function layerCost(few: LayerPoint, more: LayerPoint): LayerCost {
  const perLayer = (more.value - few.value) / (more.layers - few.layers);
  const rest = more.value - perLayer * more.layers;
  if (perLayer < 0 || rest < 0) return { perLayer: more.value / more.layers, rest: 0 };
  return { perLayer, rest };
}

/** The quantity at another number of layers. */
export function atLayers({ perLayer, rest }: LayerCost, layers: number): number {
  return rest + perLayer * layers;
}

/**
 * The result that a test would have with all `of` layers of a shape, from its results with `few` and `more` of them. Milliseconds per
 * token and loading time are extended on straight lines, sample by sample: those with the same number were measured shortly after each
 * other. Bytes and multiply-adds are known, and lie on such lines. `name` is what the report calls the model.
 */
export function extrapolateResult(
  few: BenchResult,
  more: BenchResult,
  of: number,
  name: string,
): BenchResult {
  const [a, b] = [few.shape.nLayer, more.shape.nLayer];
  const extend = (low: number, high: number) =>
    atLayers(layerCost({ layers: a, value: low }, { layers: b, value: high }), of);
  const extendKnown = (low: number | null, high: number | null) =>
    low === null || high === null ? null : extend(low, high);
  const samples = more.samples.map(
    (sample, i) => 1000 / extend(1000 / few.samples[i]!, 1000 / sample),
  );
  const tokensPerSecond = spread(samples);
  const { median } = tokensPerSecond;
  const bytesPerToken = extendKnown(few.bytesPerToken, more.bytesPerToken);
  const macs = ({ gmacPerSecond, tokensPerSecond: rate }: BenchResult) =>
    gmacPerSecond === null ? null : gmacPerSecond / rate.median;
  const gmacPerToken = extendKnown(macs(few), macs(more));
  const gbPerSecond = bytesPerToken === null ? null : (bytesPerToken * median) / 1e9;
  const gmacPerSecond = gmacPerToken === null ? null : gmacPerToken * median;
  const { memory, added } = extendedMemory(few, more, extend);
  return {
    ...more,
    model: name,
    shape: { ...more.shape, nLayer: of },
    tokensPerSecond,
    samples,
    noisy: isNoisy(tokensPerSecond),
    millisecondsPerToken: 1000 / median,
    timeToFirstTokenMilliseconds: extendKnown(
      few.timeToFirstTokenMilliseconds,
      more.timeToFirstTokenMilliseconds,
    ),
    loadMilliseconds: extend(few.loadMilliseconds, more.loadMilliseconds),
    bytesPerToken,
    gbPerSecond,
    fractionOfReadBandwidth: scaled(more.fractionOfReadBandwidth, more.gbPerSecond, gbPerSecond),
    gmacPerSecond,
    fractionOfMultiplyPeak: scaled(more.fractionOfMultiplyPeak, more.gmacPerSecond, gmacPerSecond),
    peakRssBytes: more.peakRssBytes === null ? null : more.peakRssBytes + added,
    memory,
    ...energyOf(few, more, median, extend),
    extrapolated: { layers: [a, b], of },
  };
}

/** The energy of all layers: joules lie on lines as times do, window by window; those of counted operations are known, those of assumed watts follow. */
function energyOf(
  few: BenchResult,
  more: BenchResult,
  rate: number,
  extend: (low: number, high: number) => number,
) {
  const [lowNet, highNet] = [few.netJoulesPerToken, more.netJoulesPerToken];
  const low = few.joulesPerTokenSamples; // none where its counter failed
  const samples = more.joulesPerTokenSamples
    .slice(0, low.length)
    .map((joules, i) => extend(low[i]!, joules));
  const joulesPerToken = samples.length > 0 ? spread(samples).median : null;
  const [a, b] = [few.modeledJoulesPerToken, more.modeledJoulesPerToken];
  const assumed = more.assumedJoulesPerToken;
  return {
    joulesPerToken,
    joulesPerTokenSd: samples.length < 2 ? null : spread(samples).sd,
    joulesPerTokenSamples: samples,
    netJoulesPerToken: lowNet === null || highNet === null ? null : extend(lowNet, highNet),
    watts: joulesPerToken === null ? null : joulesPerToken * rate,
    modeledJoulesPerToken: { nm7: extend(a.nm7, b.nm7), nm45: extend(a.nm45, b.nm45) },
    assumedJoulesPerToken: assumed === null ? null : (assumed * more.tokensPerSecond.median) / rate,
  };
}

/** The memory of all layers: what is held is known by the layer, the rest of the process stays as it is. */
function extendedMemory(
  few: BenchResult,
  more: BenchResult,
  extend: (low: number, high: number) => number,
): { memory: TrialMemory; added: number } {
  const part = (name: (typeof held)[number]) =>
    Math.round(extend(few.memory[name], more.memory[name]));
  const [ternary, dense, head] = [part('ternary'), part('dense'), part('head')];
  const [norms, kv] = [part('norms'), part('kv')];
  const before = held.reduce((sum, name) => sum + more.memory[name], 0);
  const added = ternary + dense + head + norms + kv - before;
  const { anonymousRss } = more.memory;
  const memory = {
    ...{ ...more.memory, ternary, dense, head, norms, kv },
    anonymousRss: anonymousRss === null ? null : anonymousRss + added,
  };
  return { memory, added };
}

const held = ['ternary', 'dense', 'head', 'norms', 'kv'] as const;

/** A fraction of the limit that a rate was, for another rate. */
function scaled(fraction: number | null, rate: number | null, other: number | null): number | null {
  return fraction === null || rate === null || other === null ? null : fraction * (other / rate);
}
