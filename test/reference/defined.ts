import { roundHalfEven } from '../fixtures/half.js';
import type {
  Matrix,
  Network,
  Projection,
  ReferenceLayer,
  ReferenceModel,
  Rope,
} from './weights.js';

/**
 * What numbers are: `engine`, those that native/README.md defines to the bit, f32 in a fixed order
 * with f16 keys and values; or float64, of which only ternary layers' inputs are rounded (W1.58A8).
 */
export type Numbers = 'engine' | 'float64';

/** A value of every 16 lanes; sums of floats run in these, and then down a tree. */
const lanes = 16;
/** Positions of attention that are summed up before the next ones. */
const blockPositions = 64;
/** What the next of three packed rows is multiplied with. */
const field = 2 ** 18;

/**
 * The forward pass of forward.ts once more, for thousands of tokens: ternary products in integers,
 * which are exact in any order, and f32 arithmetic as the engine defines it. A reference in plain
 * float64 rounds a few activations of every token to the other neighbor, and whatever follows
 * them differs; this one has the engine's own bits. For ternary projections with one scale and a
 * squared ReLU, such as the embedded model's.
 */
export class DefinedSequence {
  readonly #model: ReferenceModel;
  readonly #layers: readonly Layer[];
  readonly #head: Matrix;
  readonly #single: boolean;
  readonly #f32: (x: number) => number;
  /** Per layer, per position: [nKvHead * headDim]. */
  readonly #keys: Float64Array[][];
  readonly #values: Float64Array[][];
  /** Of the dot product at hand. */
  readonly #sums = new Float64Array(lanes);
  #position = 0;

  constructor(model: ReferenceModel, numbers: Numbers) {
    if (model.activation !== 'relu2') throw new Error('only squared ReLU is written down here');
    if (model.rotation) throw new Error('no rotation is written down here');
    if (model.softcapping) throw new Error('no soft-capping is written down here');
    if (model.embeddingScale !== 1 || model.residualScale !== 1 || model.logitScale !== 1) {
      throw new Error('no scales are written down here');
    }
    if (model.layerNorms || model.clamp < Number.POSITIVE_INFINITY || !model.outputNorm) {
      throw new Error('only RMSNorms before every layer are written down here');
    }
    this.#model = model;
    this.#layers = model.layers.map(packed);
    this.#head = model.head;
    this.#single = numbers === 'engine';
    this.#f32 = this.#single ? Math.fround : (x) => x;
    this.#keys = model.layers.map(() => []);
    this.#values = model.layers.map(() => []);
  }

  reset(): void {
    for (const list of [...this.#keys, ...this.#values]) list.length = 0;
    this.#position = 0;
  }

  /** Appends a token and returns the logits [vocabSize] of the one after it. */
  next(token: number): Float64Array {
    const { embedding, outputNorm } = this.#model;
    const x = embedding.values.slice(token * embedding.cols, (token + 1) * embedding.cols);
    this.#layers.forEach((layer, i) => {
      this.#addTo(x, this.#attention(layer, i, this.#norm(x, layer.attnNorm!)));
      this.#addTo(x, this.#feedForward(layer, this.#norm(x, layer.ffnNorm!)));
    });
    this.#position++;
    return this.#logits(this.#norm(x, outputNorm!));
  }

  #attention(layer: Layer, index: number, h: Float64Array): Float64Array {
    const keys = this.#keys[index]!;
    const values = this.#values[index]!;
    const input = this.#quantize(h);
    const q = this.#rotate(this.#multiply(layer.q, input), layer.rope);
    keys.push(this.#stored(this.#rotate(this.#multiply(layer.k, input), layer.rope)));
    values.push(this.#stored(this.#multiply(layer.v, input)));
    const { nHead, nKvHead, headDim } = this.#model;
    const out = new Float64Array(nHead * headDim);
    for (let head = 0; head < nHead; head++) {
      const at = Math.floor(head / (nHead / nKvHead)) * headDim;
      out.set(this.#attend(q, head * headDim, keys, values, at), head * headDim);
    }
    const normed = layer.attnSubNorm ? this.#norm(out, layer.attnSubNorm) : out;
    return this.#multiply(layer.o, this.#quantize(normed));
  }

  /** One query head over all positions: blocks of 64, each folded into what came before. */
  #attend(
    q: Float64Array,
    from: number,
    keys: readonly Float64Array[],
    values: readonly Float64Array[],
    at: number,
  ): Float64Array {
    const f32 = this.#f32;
    const { headDim } = this.#model;
    const scale = f32(1 / f32(Math.sqrt(headDim)));
    const out = new Float64Array(headDim);
    let [largest, total] = [Number.NEGATIVE_INFINITY, 0];
    for (let begin = 0; begin < keys.length; begin += blockPositions) {
      const block = keys.slice(begin, begin + blockPositions);
      const scores = block.map((key) => f32(this.#dot(q, from, key, at, headDim) * scale));
      const top = Math.max(...scores);
      const powers = scores.map((score) => this.#exp(f32(score - top)));
      const sums = new Float64Array(lanes);
      const blockOut = new Float64Array(headDim);
      powers.forEach((power, j) => {
        sums[j % lanes] = f32(sums[j % lanes]! + power);
        const value = values[begin + j]!;
        for (let d = 0; d < headDim; d++) {
          blockOut[d] = f32(power * value[at + d]! + blockOut[d]!);
        }
      });
      const next = Math.max(largest, top);
      const [before, now] = [this.#exp(f32(largest - next)), this.#exp(f32(top - next))];
      total = f32(total * before + f32(this.#tree(sums) * now));
      for (let d = 0; d < headDim; d++) {
        out[d] = f32(out[d]! * before + f32(blockOut[d]! * now));
      }
      largest = next;
    }
    const inverse = f32(1 / total);
    return out.map((v) => f32(v * inverse));
  }

  #feedForward(layer: Layer, h: Float64Array): Float64Array {
    const f32 = this.#f32;
    const input = this.#quantize(h);
    const up = this.#multiply(layer.up, input);
    const f = this.#multiply(layer.gate, input).map((g, i) => {
      const open = g > 0 ? g : 0;
      return f32(f32(open * open) * up[i]!);
    });
    const normed = layer.ffnSubNorm ? this.#norm(f, layer.ffnSubNorm) : f;
    return this.#multiply(layer.down, this.#quantize(normed));
  }

  /** Σ trits · codes in integers, times the weights' scale and the value of a code. */
  #multiply({ rows, cols, triples, scale }: Ternary, { codes, step }: Codes): Float64Array {
    const f32 = this.#f32;
    const y = new Float64Array(rows + 2);
    const factor = f32(scale * step);
    for (let r = 0, at = 0; r < rows; r += 3, at += cols) {
      // Two sums that do not wait for each other.
      let sum = 0;
      let odd = 0;
      for (let c = 0; c + 1 < cols; c += 2) {
        sum += triples[at + c]! * codes[c]!;
        odd += triples[at + c + 1]! * codes[c + 1]!;
      }
      if (cols % 2 === 1) odd += triples[at + cols - 1]! * codes[cols - 1]!;
      sum += odd;
      const third = Math.round(sum / field ** 2);
      const rest = sum - third * field ** 2;
      const second = Math.round(rest / field);
      y[r] = f32((rest - second * field) * factor);
      y[r + 1] = f32(second * factor);
      y[r + 2] = f32(third * factor);
    }
    return y.subarray(0, rows);
  }

  #logits(h: Float64Array): Float64Array {
    const { rows, cols, values } = this.#head;
    const logits = new Float64Array(rows);
    for (let r = 0; r < rows; r++) logits[r] = this.#dot(h, 0, values, r * cols, cols);
    return logits;
  }

  #dot(a: Float64Array, atA: number, b: Float64Array, atB: number, count: number): number {
    if (!this.#single) {
      let [even, odd] = [0, 0];
      for (let k = 0; k + 1 < count; k += 2) {
        even += a[atA + k]! * b[atB + k]!;
        odd += a[atA + k + 1]! * b[atB + k + 1]!;
      }
      if (count % 2 === 1) odd += a[atA + count - 1]! * b[atB + count - 1]!;
      return even + odd;
    }
    const sums = this.#sums;
    const { fround } = Math;
    // Four lanes side by side, because one addition waits for the one before it. Two f32 multiply exactly in float64, so that
    // this is a fused multiply-add but for one sum in 2^29 that lies in the very middle of two f32.
    for (let j = 0; j < lanes; j += 4) {
      let [s0, s1, s2, s3] = [0, 0, 0, 0];
      const whole = count - (count % lanes);
      for (let k = j; k < whole; k += lanes) {
        s0 = fround(a[atA + k]! * b[atB + k]! + s0);
        s1 = fround(a[atA + k + 1]! * b[atB + k + 1]! + s1);
        s2 = fround(a[atA + k + 2]! * b[atB + k + 2]! + s2);
        s3 = fround(a[atA + k + 3]! * b[atB + k + 3]! + s3);
      }
      [sums[j], sums[j + 1], sums[j + 2], sums[j + 3]] = [s0, s1, s2, s3];
    }
    for (let k = count - (count % lanes); k < count; k++) {
      const j = k % lanes;
      sums[j] = fround(a[atA + k]! * b[atB + k]! + sums[j]!);
    }
    return this.#tree(sums);
  }

  #tree(sums: Float64Array): number {
    for (let distance = lanes / 2; distance >= 1; distance /= 2) {
      for (let j = 0; j < distance; j++) sums[j] = this.#f32(sums[j]! + sums[j + distance]!);
    }
    return sums[0]!;
  }

  #norm(x: Float64Array, weight: Float64Array): Float64Array {
    const f32 = this.#f32;
    let squares = 0; // in float64 for the engine too
    for (const v of x) squares += v * v;
    const factor = f32(1 / Math.sqrt(squares / x.length + f32(this.#model.normEps)));
    return x.map((v, i) => f32(f32(v * factor) * weight[i]!));
  }

  #quantize(x: Float64Array): Codes {
    const f32 = this.#f32;
    let largest = f32(1e-5);
    for (const v of x) largest = Math.max(largest, Math.abs(v));
    const scale = f32(127 / largest);
    const codes = new Float64Array(x.length);
    for (let i = 0; i < x.length; i++) codes[i] = roundHalfEven(f32(x[i]! * scale));
    return { codes, step: f32(largest / 127) };
  }

  #rotate(heads: Float64Array, rope: Rope): Float64Array {
    const f32 = this.#f32;
    const { headDim } = this.#model;
    const out = heads.slice();
    for (let j = 0; j < rope.dim / 2; j++) {
      const frequency = rope.base ** ((-2 * j) / rope.dim) / (rope.factors?.[j] ?? 1) / rope.scale;
      const cosine = f32(rope.magnitude * Math.cos(this.#position * frequency));
      const sine = f32(rope.magnitude * Math.sin(this.#position * frequency));
      for (let head = 0; head < heads.length; head += headDim) {
        const a = head + (rope.neox ? j : 2 * j);
        const b = head + (rope.neox ? j + rope.dim / 2 : 2 * j + 1);
        out[a] = f32(f32(heads[a]! * cosine) - f32(heads[b]! * sine));
        out[b] = f32(f32(heads[a]! * sine) + f32(heads[b]! * cosine));
      }
    }
    return out;
  }

  /** To f16, half to even: halves are 2^(e - 10) apart from 2^e on, and from 2^-14 down. */
  #stored(x: Float64Array): Float64Array {
    if (!this.#single) return x;
    return x.map((v) => {
      const exponent = Math.max(Math.floor(Math.log2(Math.abs(v))), -14);
      const step = 2 ** (exponent - 10);
      return roundHalfEven(v / step) * step;
    });
  }

  #addTo(x: Float64Array, y: Float64Array): void {
    for (let i = 0; i < x.length; i++) x[i] = this.#f32(x[i]! + y[i]!);
  }

  #exp(x: number): number {
    return this.#single ? singleExp(x) : Math.exp(x);
  }
}

/** exp as the engine defines it: x = n ln 2 + r, 2^n (1 + r + r² p(r)), each step in f32. */
function singleExp(x: number): number {
  const f32 = Math.fround;
  if (x < f32(-87.33654)) return 0;
  const n = roundHalfEven(f32((12102203 / 2 ** 23) * x)); // the f32 nearest to log2(e)
  const r = f32(n * f32(2.1219444e-4) + f32(n * f32(-0.693359375) + x));
  let p = f32(1.98756915e-4);
  for (const c of [
    1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 0.50000001201,
  ]) {
    p = f32(p * r + f32(c));
  }
  return f32(f32(f32(p * f32(r * r) + r) + 1) * 2 ** n);
}

interface Codes {
  /** Integers. */
  readonly codes: Float64Array;
  /** The value of one step. */
  readonly step: number;
}

interface Ternary {
  readonly rows: number;
  readonly cols: number;
  /**
   * [rows / 3, rounded up, × cols]: the trits a, b, c of three rows as a + b · 2^18 + c · 2^36. Sums
   * of up to 1,024 of them times codes are integers below 2^53, exact in float64, and the three
   * sums, each below 2^17, can be told apart: a third of the work.
   */
  readonly triples: Float64Array;
  readonly scale: number;
}

type Plain = Omit<ReferenceLayer, 'networks' | 'router'> & Network;

type Layer = {
  readonly [name in keyof Plain]: Plain[name] extends Projection ? Ternary : Plain[name];
};

function packed({ networks, router, ...layer }: ReferenceLayer): Layer {
  if (router) throw new Error('no experts are written down here');
  const { q, k, v, o } = layer;
  const { gate, up, down } = networks[0]!;
  return {
    ...layer,
    ...{ q: ternary(q), k: ternary(k), v: ternary(v), o: ternary(o) },
    ...{ gate: ternary(gate), up: ternary(up), down: ternary(down) },
  };
}

function ternary({ weight, normIn, bias }: Projection): Ternary {
  const { rows, cols, values, ternary } = weight;
  const scale = values.reduce((most, v) => Math.max(most, Math.abs(v)), 0);
  const trits = values.map(Math.sign);
  if (
    normIn ||
    bias ||
    !ternary ||
    cols > 1024 ||
    !values.every((v, i) => v === trits[i]! * scale)
  ) {
    throw new Error('only plain ternary matrices with one scale are written down here');
  }
  const triples = new Float64Array(Math.ceil(rows / 3) * cols);
  trits.forEach((trit, i) => {
    const [row, col] = [Math.floor(i / cols), i % cols];
    triples[Math.floor(row / 3) * cols + col]! += trit * field ** (row % 3);
  });
  return { rows, cols, triples, scale };
}
