/**
 * A queue of adjacent pairs waiting to be merged: lowest priority number first, of equal ones the
 * leftmost. A binary heap on typed arrays, so that a word of a million letters stays n log n.
 */
export class MergeQueue {
  #priority = new Float64Array(64);
  #place = new Int32Array(64);
  #length = 0;

  /** The priority of the pair that `pop` last returned. */
  popped = 0;

  push(priority: number, place: number): void {
    if (this.#length === this.#place.length) this.#grow();
    let i = this.#length++;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      if (this.#before(parent, priority, place)) break;
      this.#move(parent, i);
      i = parent;
    }
    this.#set(i, priority, place);
  }

  /** Removes the first pair and returns its place; -1 when there is none. */
  pop(): number {
    if (this.#length === 0) return -1;
    const first = this.#place[0]!;
    this.popped = this.#priority[0]!;
    const last = --this.#length;
    const priority = this.#priority[last]!;
    const place = this.#place[last]!;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= last) break;
      if (child + 1 < last && this.#less(child + 1, child)) child++;
      if (!this.#before(child, priority, place)) break;
      this.#move(child, i);
      i = child;
    }
    this.#set(i, priority, place);
    return first;
  }

  /** Whether entry i comes before (priority, place). */
  #before(i: number, priority: number, place: number): boolean {
    const own = this.#priority[i]!;
    return own < priority || (own === priority && this.#place[i]! < place);
  }

  #less(i: number, j: number): boolean {
    return this.#before(i, this.#priority[j]!, this.#place[j]!);
  }

  #move(from: number, to: number): void {
    this.#priority[to] = this.#priority[from]!;
    this.#place[to] = this.#place[from]!;
  }

  #set(i: number, priority: number, place: number): void {
    this.#priority[i] = priority;
    this.#place[i] = place;
  }

  #grow(): void {
    const priority = new Float64Array(2 * this.#priority.length);
    const place = new Int32Array(priority.length);
    priority.set(this.#priority);
    place.set(this.#place);
    this.#priority = priority;
    this.#place = place;
  }
}
