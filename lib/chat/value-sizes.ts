import type { Value } from './jinja.js';
import { maxDepth, maxValueSize } from './limits.js';
import { LimitError } from './template-errors.js';

interface Size {
  /** Characters of the value written out, at least. */
  readonly size: number;
  /** Levels of lists in lists. */
  readonly depth: number;
}

/**
 * Measures values while a template runs. A list may hold another one twice, and that one a third
 * twice: written out, thirty such levels would be a billion elements. So a list is measured as
 * written out when it is first seen, from the sizes of its elements.
 */
export class ValueSizes {
  readonly #sizes = new WeakMap<object, Size>();

  /**
   * @param value undefined is what some filters give for an empty list
   * @throws LimitError when the value is too large or too deep
   */
  measure(value: Value | undefined): Size {
    if (value === undefined) return scalar;
    if (typeof value.value === 'string') return checked(value.value.length, 0);
    if (typeof value.value !== 'object' || value.value === null) return scalar;
    const known = this.#sizes.get(value);
    if (known !== undefined) return known;
    const size = this.#measureParts(value);
    // Namespaces are the only values that change.
    if (value.type !== 'NamespaceValue') this.#sizes.set(value, size);
    return size;
  }

  #measureParts({ value }: Value): Size {
    let size = 0;
    let depth = 0;
    const entries = value instanceof Map ? value : (value as Value[]).entries();
    for (const [key, part] of entries as Iterable<[string | number, Value]>) {
      if (part.type === 'NamespaceValue') {
        throw new LimitError('puts a namespace into a list or another namespace');
      }
      const measured = this.measure(part);
      size += measured.size + String(key).length + separators;
      depth = Math.max(depth, measured.depth);
    }
    return checked(size, depth + 1);
  }
}

function checked(size: number, depth: number): Size {
  if (size > maxValueSize)
    throw new LimitError(`makes a text or list of over ${maxValueSize} characters`);
  if (depth > maxDepth) throw new LimitError(`puts lists into lists over ${maxDepth} levels deep`);
  return { size, depth };
}

/** Characters around an element of a list. */
const separators = 4;
const scalar: Size = { size: 8, depth: 0 };
