/** How far logits lie from the expected ones. */
export interface Difference {
  /** max |actual − expected| / max |expected| */
  readonly max: number;
  /** rms(actual − expected) / rms(expected) */
  readonly rms: number;
}

/** Over all values; NaN anywhere makes both NaN, so that no comparison with them holds. */
export function difference(actual: ArrayLike<number>, expected: ArrayLike<number>): Difference {
  if (actual.length !== expected.length || actual.length === 0) {
    throw new RangeError(`${actual.length} values against ${expected.length}`);
  }
  let [largest, furthest, squares, errorSquares] = [0, 0, 0, 0];
  for (let i = 0; i < expected.length; i++) {
    const error = actual[i]! - expected[i]!;
    largest = Math.max(largest, Math.abs(expected[i]!));
    furthest = Math.max(furthest, Math.abs(error));
    squares += expected[i]! ** 2;
    errorSquares += error ** 2;
  }
  return { max: furthest / largest, rms: Math.sqrt(errorSquares / squares) };
}

/** The worst row's difference, both figures on their own: [rows × cols] against the same. */
export function worstRow(
  actual: Float32Array,
  expected: Float32Array | readonly Float64Array[],
  cols: number,
): Difference {
  const rows = actual.length / cols;
  const all = Array.from({ length: rows }, (_, r) =>
    difference(
      actual.subarray(r * cols, (r + 1) * cols),
      expected instanceof Float32Array ? expected.subarray(r * cols, (r + 1) * cols) : expected[r]!,
    ),
  );
  return {
    max: Math.max(...all.map(({ max }) => max)),
    rms: Math.max(...all.map(({ rms }) => rms)),
  };
}
