/** How well a model predicts a text. */
export interface Perplexity {
  /** exp(nll): among how many equally likely tokens the model chooses on average. */
  readonly perplexity: number;
  /** Standard error of `perplexity`; null for a single token. */
  readonly error: number | null;
  /** Mean of -ln p over the scored tokens, in nats per token. */
  readonly nll: number;
  /** Standard error of `nll`: sample standard deviation over tokens, over √tokens. */
  readonly nllError: number | null;
  /** Σ -log2 p over the bytes of the scored tokens: comparable between vocabularies. */
  readonly bitsPerByte: number;
  /** Scored tokens. */
  readonly tokens: number;
  /** UTF-8 bytes that the scored tokens stand for. */
  readonly bytes: number;
  /** Chunks or windows evaluated. */
  readonly chunks: number;
  /** Chunks or windows there are to evaluate. */
  readonly chunksInAll: number;
  readonly contextLength: number;
  /** null in the mode of llama-perplexity. */
  readonly stride: number | null;
}

/** How far a model's predictions are from those of the first. */
export interface Divergence {
  /** Kullback–Leibler divergence Σ p ln(p / q) at a position, in nats: p of the first model, q of the second. */
  readonly klDivergence: {
    readonly mean: number;
    /** Standard error of the mean; null for a single position. */
    readonly error: number | null;
    readonly median: number;
    /** 90, 99 and 99.9 of 100 positions have at most this. */
    readonly p90: number;
    readonly p99: number;
    readonly p999: number;
    readonly max: number;
  };
  /** ln(perplexity of the second / perplexity of the first), with the standard error of their paired difference. */
  readonly logRatio: { readonly value: number; readonly error: number | null };
  /** Share of positions with the same likeliest token. */
  readonly topAgreement: { readonly value: number; readonly error: number | null };
  /** Root mean square of the change of the right token's probability, from 0 to 1. */
  readonly rmsProbability: number;
  /** Largest |logit of the second − logit of the first| of any token at any position. */
  readonly largestLogitDifference: number;
}

/** How far what a layer of a model leaves in the residual stream is from that of the first. */
export interface LayerError {
  /** √(Σ (b − a)² / Σ a²) over all positions and columns. */
  readonly error: number;
  /** Σ a b / √(Σ a² Σ b²). */
  readonly cosine: number;
}

/** How two models predict a text; positions and tokens are the scored ones. */
export interface Comparison extends Divergence {
  /** Of each model alone. */
  readonly perplexity: readonly [Perplexity, Perplexity];
  /** Of each layer, where they were asked for. */
  readonly layers?: readonly LayerError[];
  readonly tokens: number;
  readonly chunks: number;
  readonly chunksInAll: number;
  readonly contextLength: number;
  readonly stride: number | null;
}

/** A share of items. */
export interface Share {
  /** From 0 to 1. */
  readonly value: number;
  /** Standard error, √(p (1 - p) / (n - 1)); null for a single item. */
  readonly error: number | null;
}

export interface EvalResult {
  readonly kind: 'choice' | 'last-word';
  /** Items evaluated. */
  readonly items: number;
  /** Items there are to evaluate. */
  readonly itemsInAll: number;
  /**
   * Of choices: how often the right one has the largest log-probability. Of last words: how often
   * each of the word's tokens is the likeliest.
   */
  readonly accuracy: Share;
  /** Of choices: how often the right one has the largest log-probability per UTF-8 byte. */
  readonly normalizedAccuracy: Share | null;
  /** Of choices: the mean of 1 over their number, what guessing gives. */
  readonly chance: number | null;
  /** Of last words: exp of the mean of -ln p(word). */
  readonly perplexity: number | null;
  /** Items whose beginning did not fit into the context and was left out. */
  readonly shortened: number;
  /** Tokens evaluated. */
  readonly tokens: number;
}
