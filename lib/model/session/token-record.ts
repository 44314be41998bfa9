/** The tokens a session has evaluated, in order: 4 bytes each, in room that doubles. */
export class TokenRecord {
  #room = new Int32Array(64);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A copy: `[length]`. */
  get tokens(): Int32Array {
    return this.#room.slice(0, this.#length);
  }

  /** A copy of those from `begin` on. */
  from(begin: number): Int32Array {
    return this.#room.slice(begin, this.#length);
  }

  append(tokens: Int32Array): void {
    const length = this.#length + tokens.length;
    if (length > this.#room.length) {
      const room = new Int32Array(Math.max(length, 2 * this.#room.length));
      room.set(this.#room.subarray(0, this.#length));
      this.#room = room;
    }
    this.#room.set(tokens, this.#length);
    this.#length = length;
  }

  truncate(length: number): void {
    this.#length = Math.min(this.#length, length);
  }

  replace(tokens: Int32Array): void {
    this.#length = 0;
    this.append(tokens);
  }
}
