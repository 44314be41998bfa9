import type { Evaluator } from './evaluator.js';

/** Tokens a generation read and wrote. */
export interface Usage {
  /**
   * Tokens of the prompt, the beginning-of-text token included; of a generation that was aborted
   * while it read its prompt those that were evaluated.
   */
  readonly promptTokens: number;
  /** Of these, those that were not evaluated, because another session has been at a text that begins alike. */
  readonly cachedTokens: number;
  /** Tokens generated, without the one that ended the generation. */
  readonly completionTokens: number;
}

/** Where the time went. Time the caller holds a piece before asking for the next is not counted. */
export interface Timings {
  /** Evaluating the prompt and choosing the first token. */
  readonly prefillMilliseconds: number;
  /** All evaluations after that. */
  readonly decodeMilliseconds: number;
  /** From the first call of `next()` to the first token: tokenizing and prefill. */
  readonly timeToFirstTokenMilliseconds: number;
  /** Prompt tokens evaluated per second of prefill; 0 when there is nothing to divide. */
  readonly promptTokensPerSecond: number;
  /** Tokens per second of decoding; 0 when the first token was the last. */
  readonly tokensPerSecond: number;
  /** With the options `lookup` or `draft`: tokens that were drafted, … */
  readonly draftedTokens?: number | undefined;
  /** … and how many of them came. */
  readonly acceptedTokens?: number | undefined;
}

/** What a generation has done so far: the record that results and abort errors are built from. */
export class Progress {
  /** Text handed to the caller. */
  text = '';
  /** Every token generated. */
  readonly ids: number[] = [];
  promptTokens = 0;
  /** Tokens of the prompt that were not evaluated: see `Evaluator.reusePrefix`. */
  cachedTokens = 0;
  /** Tokens of earlier generations that are evaluated with the prompt. */
  pendingTokens = 0;
  readonly seed: number;
  speculation: Pick<Timings, 'draftedTokens' | 'acceptedTokens'> | undefined;
  /** While the generation waits to begin: ends that. */
  leaveQueue: (() => void) | undefined;
  /** Whoever asked for the generation has left it. */
  left = false;
  onFirstToken: (() => void) | undefined;
  #begin = 0;
  #firstToken = 0;
  #prefill = { tokens: 0, milliseconds: 0 };
  #decode = { tokens: 0, milliseconds: 0 };

  constructor(seed: number) {
    this.seed = seed;
  }

  start(): void {
    this.#begin = performance.now();
  }

  /** Times one step, which moves the position of `evaluator`; the first step is the prefill. */
  async measure<T>(evaluator: Pick<Evaluator, 'position'>, step: () => Promise<T>): Promise<T> {
    const begin = performance.now();
    const position = evaluator.position;
    const phase = this.#prefill.tokens === 0 ? this.#prefill : this.#decode;
    try {
      return await step();
    } finally {
      const end = performance.now();
      phase.tokens += evaluator.position - position;
      phase.milliseconds += end - begin;
      if (phase === this.#prefill) this.#firstToken = end - this.#begin;
    }
  }

  /** The summary with all text and tokens, for the error of a generation that is cut short. */
  account() {
    return { text: this.text, ids: [...this.ids], ...this.summary() };
  }

  get #evaluatedPrompt(): number {
    return Math.min(Math.max(this.#prefill.tokens - this.pendingTokens, 0), this.promptTokens);
  }

  summary(): { usage: Usage; timings: Timings; seed: number } {
    return {
      usage: {
        promptTokens: this.#evaluatedPrompt,
        cachedTokens: Math.min(this.cachedTokens, this.#evaluatedPrompt),
        completionTokens: this.ids.length,
      },
      timings: {
        prefillMilliseconds: this.#prefill.milliseconds,
        decodeMilliseconds: this.#decode.milliseconds,
        timeToFirstTokenMilliseconds: this.#firstToken,
        promptTokensPerSecond: perSecond(this.#prefill, this.cachedTokens),
        tokensPerSecond: perSecond(this.#decode),
        ...(this.speculation && {
          draftedTokens: this.speculation.draftedTokens,
          acceptedTokens: this.speculation.acceptedTokens,
        }),
      },
      seed: this.seed,
    };
  }
}

function perSecond(phase: { tokens: number; milliseconds: number }, without = 0): number {
  return phase.milliseconds > 0 ? ((phase.tokens - without) * 1000) / phase.milliseconds : 0;
}
