import type { Budget } from './budget.js';
import { JinjaError } from './errors.js';
import { equal } from './protocol.js';
import { Instance, none, Tuple, Undefined, type Value } from './values.js';

/** The state of a `for`, which its body sees as the variable `loop`. */
export class Loop {
  readonly #items: readonly Value[];
  readonly #depth: number;
  readonly #again: ((iterable: Value) => string) | undefined;
  readonly #budget: Budget;
  #index = 0;
  #changing: Value | undefined;

  /** @param again runs the loop over other items; undefined when it is not `recursive` */
  constructor(
    items: readonly Value[],
    depth: number,
    again: ((iterable: Value) => string) | undefined,
    budget: Budget,
  ) {
    this.#items = items;
    this.#depth = depth;
    this.#again = again;
    this.#budget = budget;
  }

  next(): void {
    this.#index++;
  }

  variable(): Instance {
    return new Instance(
      'LoopContext',
      ({ positional }) => {
        if (this.#again) return this.#again(positional[0] ?? none);
        throw new JinjaError("The loop must have the 'recursive' marker to be called recursively.");
      },
      (name) => this.#attribute(name),
    );
  }

  #attribute(name: string): Value | undefined {
    const { length } = this.#items;
    const index = this.#index;
    switch (name) {
      case 'index':
        return index + 1;
      case 'index0':
        return index;
      case 'revindex':
        return length - index;
      case 'revindex0':
        return length - index - 1;
      case 'first':
        return index === 0;
      case 'last':
        return index === length - 1;
      case 'length':
        return length;
      case 'depth':
        return this.#depth + 1;
      case 'depth0':
        return this.#depth;
      case 'previtem':
        return this.#items[index - 1] ?? new Undefined('there is no previous item');
      case 'nextitem':
        return this.#items[index + 1] ?? new Undefined('there is no next item');
      case 'cycle':
        return new Instance('method', ({ positional }) => this.#cycle(positional));
      case 'changed':
        return new Instance('method', ({ positional }) => this.#changed(positional));
      default:
        return undefined;
    }
  }

  #cycle(values: readonly Value[]): Value {
    if (values.length === 0) throw new JinjaError('no items for cycling given');
    return values[this.#index % values.length]!;
  }

  #changed(values: readonly Value[]): boolean {
    const now = new Tuple(values);
    if (this.#changing !== undefined && equal(this.#changing, now, this.#budget)) return false;
    this.#changing = now;
    return true;
  }
}
