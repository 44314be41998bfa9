/** The bits of the IEEE half nearest to a number, ties to even; infinity from 65520 on. */
export function halfBits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (size >= 65520) return sign | 0x7c00;
  if (Number.isNaN(size)) return 0x7e00;
  if (size === 0) return sign;
  double[0] = size;
  // Halves below 2^-14 have steps of 2^-24.
  const exponent = Math.max(((words[high]! >>> 20) & 0x7ff) - 1023, -14);
  const steps = size * powersOfTwo[10 - exponent + 5]!;
  const floor = Math.floor(steps);
  const rest = steps - floor;
  const rounded = floor + (rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? 1 : 0);
  // Steps from 1024 are normal, and 2048 carries into the exponent by itself.
  return sign | ((exponent + 14) * 1024 + rounded);
}

/** The half with these bits; NaN for all that are none. */
export function halfValue(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return sign * (1024 + fraction) * 2 ** (exponent - 25);
}

/** 2^-5 to 2^24. */
const powersOfTwo = Float64Array.from({ length: 30 }, (_, i) => 2 ** (i - 5));

/** One double, its two words, and which of them has the exponent. */
const double = new Float64Array(1);
const words = new Uint32Array(double.buffer);
const high = new Uint8Array(Uint16Array.of(1).buffer)[0]!;
