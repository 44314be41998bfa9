import type { BitnetError } from '../../errors.js';
import { TextCursor } from '../text-cursor.js';
import { type Pointer, schemaError } from './schema-error.js';

/** A place in a regular expression. */
export class PatternCursor extends TextCursor {
  readonly #pointer: Pointer;

  constructor(source: string, pointer: Pointer) {
    super(source);
    this.#pointer = pointer;
  }

  /** @param sentence what comes after "Expected" */
  fail(sentence: string): BitnetError {
    return schemaError(this.#pointer, `${sentence}, at character ${this.place + 1} of the pattern`);
  }
}
