import { onAbort } from '../abort.js';
import { BitnetError } from '../errors.js';

/** A generation that wants to begin. */
export interface Applicant {
  /** Whoever the place is for: when it is collected, the place is free. */
  readonly holder: object;
  /** Lower ones go first. */
  readonly priority: number;
  /** What was computed for its caller: of equal priorities the smallest goes first. */
  served(): number;
  /** Begins if there is memory for it, and says whether. What it throws ends the wait. */
  admit(alone: boolean): boolean;
}

/** A place among the generations that run. */
export interface Place {
  /** May be called again. */
  readonly leave: () => void;
}

interface Waiting {
  readonly applicant: Applicant;
  readonly resolve: (place: Place) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Who of a model's generations may begin: at most so many run at once, each with the memory it may need
 * to its end, and the others wait in a queue of bounded length.
 */
export class Admission {
  readonly #maxRunning: number;
  readonly #maxQueue: number;
  readonly #waiting: Waiting[] = [];
  readonly #forgotten = new FinalizationRegistry<Place>((place) => place.leave());
  #running = 0;

  constructor({ maxRunning, maxQueue }: { maxRunning: number; maxQueue: number }) {
    this.#maxRunning = maxRunning;
    this.#maxQueue = maxQueue;
  }

  get running(): number {
    return this.#running;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** @throws ERR_BITNET_QUEUE; the signal's reason as soon as it is aborted; what `admit` throws */
  enter(applicant: Applicant, signal: AbortSignal, onQueued: () => void): Promise<Place> {
    return new Promise((resolve, reject) => {
      signal.throwIfAborted();
      if (this.#waiting.length === 0 && this.#begins(applicant)) {
        resolve(this.#place(applicant.holder));
        return;
      }
      if (this.#waiting.length >= this.#maxQueue) throw this.#full();
      const release = onAbort(signal, () => {
        this.#drop(waiting);
        reject(signal.reason);
        this.retry(); // those behind it may need less
      });
      const waiting: Waiting = {
        applicant,
        resolve: (place) => {
          release();
          resolve(place);
        },
        reject: (error) => {
          release();
          reject(error);
        },
      };
      this.#waiting.push(waiting);
      onQueued();
      this.retry();
    });
  }

  /** To be called when there may be room again. */
  readonly retry = (): void => {
    for (let next = this.#next(); next; next = this.#next()) {
      try {
        if (!this.#begins(next.applicant)) return;
        this.#drop(next);
        next.resolve(this.#place(next.applicant.holder));
      } catch (error) {
        this.#drop(next);
        next.reject(error);
      }
    }
  };

  #begins(applicant: Applicant): boolean {
    return this.#running < this.#maxRunning && applicant.admit(this.#running === 0);
  }

  #place(holder: object): Place {
    this.#running++;
    let left = false;
    const place = {
      leave: () => {
        if (left) return;
        left = true;
        this.#running--;
        this.#forgotten.unregister(place);
        this.retry();
      },
    };
    this.#forgotten.register(holder, place, place);
    return place;
  }

  #next(): Waiting | undefined {
    let next: Waiting | undefined;
    let least = 0;
    for (const waiting of this.#waiting) {
      const { priority } = waiting.applicant;
      if (next && priority > next.applicant.priority) continue;
      const served = waiting.applicant.served();
      if (next && priority === next.applicant.priority && served >= least) continue;
      next = waiting;
      least = served;
    }
    return next;
  }

  #drop(waiting: Waiting): void {
    this.#waiting.splice(this.#waiting.indexOf(waiting), 1);
  }

  #full(): BitnetError {
    const length = this.#waiting.length;
    return new BitnetError(
      'ERR_BITNET_QUEUE',
      `Expected room for one more generation, but ${this.#running} run and ${length} wait, the most that may (maxQueue); ` +
        'try again when one has ended, or load the model with a larger maxQueue.',
      { length, limit: this.#maxQueue },
    );
  }
}
