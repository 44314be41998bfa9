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
