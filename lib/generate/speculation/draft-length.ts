/** What became of a step. */
export interface DraftedStep {
  readonly drafted: number;
  /** How many of these were what was chosen. */
  readonly accepted: number;
  /** Of drafting and evaluating. */
  readonly milliseconds: number;
}

/** How much a new measurement counts. */
const weight = 0.2;
/** Steps without a draft after one did not pay, at first and at most. */
const firstPause = 16;
const longestPause = 256;
/** The first drafts, and those that find out whether it would pay again. */
const probeLength = 2;
/** After so many steps with drafts one without is measured again. */
const remeasureAfter = 64;
/** What a drafted token costs until it was measured, as a part of a step. */
const assumedCost = 0.2;

/**
 * How many tokens to draft: as many as make the most tokens for the time, by the share of drafted tokens that
 * was accepted and by what steps took, with drafts and without; none where that is less than without. Then it
 * pauses, ever longer, and tries a short one again. It decides about time, never about text.
 */
export class DraftLength {
  readonly #most: number;
  /** Milliseconds of a step without a draft, and of each drafted token more. */
  #step: number | undefined;
  #token: number | undefined;
  /** Probability that a drafted token is what is chosen, if those before it were. */
  #rate = 0.5;
  #pause = firstPause;
  #pausing = 0;
  #sincePlain = 0;
  #probes = false;

  constructor(most: number) {
    this.#most = most;
  }

  /** For the next step. */
  next(): number {
    if (this.#step === undefined || this.#sincePlain >= remeasureAfter) return 0;
    if (this.#pausing > 0) return 0;
    if (this.#probes) return Math.min(probeLength, this.#most);
    return this.#bestLength();
  }

  record({ drafted, accepted, milliseconds }: DraftedStep): void {
    if (drafted === 0) {
      this.#step = mixed(this.#step, milliseconds);
      this.#sincePlain = 0;
      if (this.#pausing > 0 && --this.#pausing === 0) this.#probes = true;
      return;
    }
    this.#sincePlain++;
    if (this.#step !== undefined) {
      this.#token = mixed(this.#token, Math.max(0, (milliseconds - this.#step) / drafted));
    }
    // Those behind the first that was wrong say nothing.
    const tried = Math.min(accepted + 1, drafted);
    for (let i = 0; i < tried; i++) this.#rate = mixed(this.#rate, i < accepted ? 1 : 0);
    if (this.#probes && accepted > 0) this.#rate = Math.max(this.#rate, 0.5);
    this.#probes = false;
    if (this.#bestLength() > 0) {
      if (accepted > 0) this.#pause = firstPause;
      return;
    }
    this.#pausing = this.#pause;
    this.#pause = Math.min(2 * this.#pause, longestPause);
  }

  /** The length with the most tokens for the time. */
  #bestLength(): number {
    const cost = this.#token === undefined ? assumedCost : this.#token / this.#step!;
    let length = 0;
    let most = 1; // tokens in the time of a step without a draft
    let accepted = 0;
    for (let count = 1; count <= this.#most; count++) {
      accepted += this.#rate ** count;
      const rate = (1 + accepted) / (1 + count * cost);
      if (rate <= most) continue;
      most = rate;
      length = count;
    }
    return length;
  }
}

function mixed(before: number | undefined, now: number): number {
  return before === undefined ? now : before + weight * (now - before);
}
