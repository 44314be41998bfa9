import type { History, LogitChange } from './changes.js';
import { type DrySettings, dryPenalties } from './dry.js';
import type { DryBreakers } from './dry-breakers.js';
import { type PenaltySettings, penaltyChange } from './penalties.js';
import type { Ranked } from './ranked.js';
import { excludeTopChoices, minP, topK, topNSigma, topP, typical } from './truncation.js';

/** What can be done to the candidates, by llama.cpp's names and in its default order. */
export const samplerNames = [
  'penalties',
  'dry',
  'top_n_sigma',
  'top_k',
  'typ_p',
  'top_p',
  'min_p',
  'xtc',
  'temperature',
] as const;
export type SamplerName = (typeof samplerNames)[number];

/** Sampling options after validation, with every default filled in; see `SamplingOptions`. */
export interface SamplingSettings extends PenaltySettings, DrySettings {
  readonly temperature: number;
  readonly topK: number;
  readonly topP: number;
  readonly minP: number;
  readonly topNSigma: number;
  readonly typicalP: number;
  readonly xtcProbability: number;
  readonly xtcThreshold: number;
  readonly samplers: readonly SamplerName[];
  readonly seed: number;
}

/** What a sampler knows besides the candidates. */
export interface SamplerContext {
  readonly change: (name: SamplerName) => LogitChange;
  /** In [0, 1), one for each token that is chosen. */
  readonly chance: number;
}

/** One link of the chain. */
export interface ChainedSampler {
  readonly name: SamplerName;
  /** Of samplers that change logits of tokens by what came before: which, and how. */
  readonly change?: (history: History) => LogitChange;
  readonly apply: (ranked: Ranked, context: SamplerContext) => Ranked;
}

/** The samplers that the settings turn on, in order; those that would do nothing are left out. */
export function samplerChain(settings: SamplingSettings, breakers: DryBreakers): ChainedSampler[] {
  return settings.samplers
    .filter((name) => isOn(name, settings))
    .map((name) => link(name, settings, breakers));
}

function isOn(name: SamplerName, settings: SamplingSettings): boolean {
  switch (name) {
    case 'penalties':
      return hasPenalties(settings);
    case 'dry':
      return settings.dryMultiplier > 0 && settings.dryPenaltyLastN !== 0;
    case 'top_n_sigma':
      return settings.topNSigma > 0;
    case 'top_k':
      return settings.topK > 0;
    case 'typ_p':
      return settings.typicalP < 1;
    case 'top_p':
      return settings.topP < 1;
    case 'min_p':
      return settings.minP > 0;
    case 'xtc':
      return settings.xtcProbability > 0 && settings.xtcThreshold <= 0.5;
    case 'temperature':
      return settings.temperature !== 1;
  }
}

function hasPenalties(settings: SamplingSettings): boolean {
  const { repeatPenalty, repeatLastN, presencePenalty, frequencyPenalty } = settings;
  return (
    repeatLastN !== 0 && (repeatPenalty !== 1 || presencePenalty !== 0 || frequencyPenalty !== 0)
  );
}

function link(
  name: SamplerName,
  settings: SamplingSettings,
  breakers: DryBreakers,
): ChainedSampler {
  switch (name) {
    case 'penalties':
      return changing(name, (history) => penaltyChange(history, settings));
    case 'dry':
      return changing(name, (history) => dryPenalties(history, settings, breakers));
    case 'top_n_sigma':
      return { name, apply: (ranked) => topNSigma(ranked, settings.topNSigma) };
    case 'top_k':
      return { name, apply: (ranked) => topK(ranked, settings.topK) };
    case 'typ_p':
      return { name, apply: (ranked) => typical(ranked, settings.typicalP) };
    case 'top_p':
      return { name, apply: (ranked) => topP(ranked, settings.topP) };
    case 'min_p':
      return { name, apply: (ranked) => minP(ranked, settings.minP) };
    case 'xtc':
      return {
        name,
        apply: (ranked, { chance }) =>
          chance > settings.xtcProbability
            ? ranked
            : excludeTopChoices(ranked, settings.xtcThreshold),
      };
    case 'temperature':
      return { name, apply: (ranked) => ranked.tempered(settings.temperature) };
  }
}

function changing(name: SamplerName, change: (history: History) => LogitChange): ChainedSampler {
  const apply = (ranked: Ranked, context: SamplerContext) => {
    const { tokens, apply } = context.change(name);
    return ranked.changed((logit, id) => {
      const value = tokens.get(id);
      return value === undefined ? logit : apply(logit, value);
    });
  };
  return { name, change, apply };
}
