import type { Model } from '../../lib/model/model.js';

/** What a scenario measures with: as `bitnet bench` was told. */
export interface ScenarioSettings {
  /** Tokens of its prompts; undefined: as many as the scenario usually has. */
  readonly prompt: number | undefined;
}

/** The same quantity measured alone and beside something else. */
export interface Pair {
  readonly alone: number;
  readonly beside: number;
}

/** Something that models do at the same time, and what it costs each. */
export interface Scenario {
  readonly description: (settings: ScenarioSettings) => string;
  /** Names of what a round measures, all in milliseconds. */
  readonly figures: readonly string[];
  /** One round: a pair for each figure. */
  run(model: Model, settings: ScenarioSettings, seed: number): Promise<readonly Pair[]>;
}
