/** Sums over the tokens that a model has scored so far. */
export class Tally {
  chunks = 0;
  #tokens = 0;
  #bytes = 0;
  #sum = 0;
  #squares = 0;

  add(scores: Float64Array, bytes: readonly number[]): void {
    this.chunks++;
    this.#tokens += scores.length;
    for (const score of scores) {
      this.#sum -= score;
      this.#squares += score * score;
    }
    for (const count of bytes) this.#bytes += count;
  }

  result() {
    const tokens = this.#tokens;
    const nll = this.#sum / tokens;
    const variance = Math.max(this.#squares / tokens - nll * nll, 0);
    const nllError = tokens > 1 ? Math.sqrt(variance / (tokens - 1)) : null;
    const perplexity = Math.exp(nll);
    return {
      perplexity,
      error: nllError === null ? null : nllError * perplexity,
      ...{ nll, nllError },
      bitsPerByte: this.#sum / Math.LN2 / this.#bytes,
      ...{ tokens, bytes: this.#bytes },
    };
  }
}
