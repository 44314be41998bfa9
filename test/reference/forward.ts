import { roundHalfEven } from '../fixtures/half.js';
import type {
  DeltaNet,
  Matrix,
  Network,
  Projection,
  ReferenceLayer,
  ReferenceModel,
  Rope,
  StateSpace,
} from './weights.js';

/** Where a forward pass rounds; everything else is float64. */
export interface Rounding {
  /** Inputs of ternary layers become int8 per token: s = 127 / max(|x|, 1e-5), half to even. */
  readonly int8Activations?: boolean;
  /** Keys, after rotation, and values become f16, from f32. */
  readonly halfKeysAndValues?: boolean;
  /**
   * Keys, after rotation, and values become int8: for each 32 values of a head, d is the f16 of
   * max|x| / 127 and codes are x / d, at most 127 steps of it.
   */
  readonly int8KeysAndValues?: boolean;
  /** Rounds a count of steps (of int8, or between two halves) to an integer. @default half to even */
  readonly round?: (steps: number) => number;
}

/** What a recurrent layer knows after a token. */
interface State {
  /** Of each value head, a row for each value. */
  readonly matrices: readonly Float64Array[];
  /** The last inputs of the convolution, oldest first. */
  readonly inputs: readonly Float64Array[];
}

/** The rounding points the engine states (native/README.md). */
export const engineRounding: Rounding = { int8Activations: true, halfKeysAndValues: true };

/**
 * One sequence of a model, token by token: the transformer as the papers write it, in plain loops
 * over float64. Slow, and meant to be read.
 */
export class ReferenceSequence {
  readonly #model: ReferenceModel;
  readonly #rounding: Rounding;
  /** Per layer, per position: [nKvHead * headDim]. */
  readonly #keys: Float64Array[][];
  readonly #values: Float64Array[][];
  /** Per recurrent layer, per position. */
  readonly #states: State[][];
  #position = 0;

  constructor(model: ReferenceModel, rounding: Rounding = {}) {
    this.#model = model;
    this.#rounding = rounding;
    this.#keys = model.layers.map(() => []);
    this.#values = model.layers.map(() => []);
    this.#states = model.layers.map(() => []);
  }

  /** Appends a token and returns the logits [vocabSize] of the one after it. */
  next(token: number): Float64Array {
    const { head, logitScale, rotated, softcapping: c } = this.#model;
    const state = this.nextState(token);
    const logits = multiply(head, rotated.head ? this.#rotation(state) : state).map(
      (logit) => logit / logitScale,
    );
    return c ? logits.map((logit) => c * Math.tanh(logit / c)) : logits;
  }

  /** Appends a token and returns its last hidden state [dim], which the head multiplies. */
  nextState(token: number): Float64Array {
    const { embedding, embeddingScale, residualScale, layers, outputNorm, rotated } = this.#model;
    const rowOf = ({ values, cols }: Matrix) => values.slice(token * cols, (token + 1) * cols);
    const row = rowOf(embedding);
    const own = rotated.embedding ? this.#unrotated(row) : row;
    const { embeddingDeltas = [] } = this.#model;
    let x: Float64Array = embeddingDeltas
      .reduce((sum, { a, b, factor }) => {
        return add(
          sum,
          multiply(b, rowOf(a)).map((v) => v * factor),
        );
      }, own)
      .map((value) => value * embeddingScale);
    const scaled = (y: Float64Array) => y.map((value) => value * residualScale);
    layers.forEach((layer, i) => {
      const h = this.#preNorm(x, layer.attnNorm);
      const a = layer.deltaNet
        ? this.#recurrence(layer.deltaNet, i, h)
        : this.#attention(layer, i, h);
      x = add(x, scaled(this.#norm(a, layer.attnPostNorm)));
      if (layer.stateSpace) x = add(x, this.#selection(layer.stateSpace, i, h));
      const f = this.#feedForward(layer, this.#preNorm(x, layer.ffnNorm));
      x = add(x, scaled(this.#norm(f, layer.ffnPostNorm)));
    });
    this.#position++;
    return this.#preNorm(x, outputNorm);
  }

  /** RMSNorm, where there is such a norm. */
  #norm(x: Float64Array, weight: Float64Array | undefined): Float64Array {
    return weight ? rmsNorm(x, weight, this.#model.normEps) : x;
  }

  /** The norm of a layer's or the head's input. */
  #preNorm(x: Float64Array, weight: Float64Array | undefined): Float64Array {
    const { layerNorms, normEps } = this.#model;
    return layerNorms ? layerNorm(x, normEps) : this.#norm(x, weight);
  }

  /** Forgets everything from a position on. */
  truncate(position: number): void {
    const lists = [...this.#keys, ...this.#values, ...this.#states];
    for (const list of lists) list.length = Math.min(list.length, position);
    this.#position = position;
  }

  #attention(layer: ReferenceLayer, index: number, h: Float64Array): Float64Array {
    const { nHead, nKvHead, headDim, gatedAttention, normEps } = this.#model;
    const keys = this.#keys[index]!;
    const values = this.#values[index]!;
    const [query, key, value] = this.#project([layer.q, layer.k, layer.v], h);
    const stride = gatedAttention ? 2 * headDim : headDim;
    const heads = Array.from({ length: nHead }, (_, head) =>
      query!.slice(head * stride, (head + 1) * stride),
    );
    const queries = Float64Array.from(heads.flatMap((head) => [...head.slice(0, headDim)]));
    const turned = (heads: Float64Array, norm: Float64Array | undefined) =>
      this.#model.normsRotated
        ? this.#normHeads(this.#rotate(heads, layer.rope), norm)
        : this.#rotate(this.#normHeads(heads, norm), layer.rope);
    const q = turned(this.#clamped(queries), layer.qNorm);
    keys.push(this.#stored(turned(this.#clamped(key!), layer.kNorm)));
    values.push(this.#stored(this.#clamped(value!)));
    const first = Math.max(0, this.#position + 1 - layer.window);

    const out = new Float64Array(nHead * headDim);
    for (let head = 0; head < nHead; head++) {
      const kvHead = Math.floor(head / (nHead / nKvHead));
      const scores = keys.slice(first).map((key) => {
        let dot = 0;
        for (let d = 0; d < headDim; d++)
          dot += q[head * headDim + d]! * key[kvHead * headDim + d]!;
        return dot / Math.sqrt(headDim);
      });
      softmax(scores).forEach((probability, j) => {
        for (let d = 0; d < headDim; d++) {
          out[head * headDim + d]! += probability * values[first + j]![kvHead * headDim + d]!;
        }
      });
      for (let d = 0; gatedAttention && d < headDim; d++) {
        out[head * headDim + d]! *= sigmoid(heads[head]![headDim + d]!);
      }
    }
    const normed = layer.attnSubNorm ? rmsNorm(out, layer.attnSubNorm, normEps) : out;
    return this.#project([layer.o], normed)[0]!;
  }

  /** A gated delta net, after a causal convolution of its queries, keys and values. */
  #recurrence(net: DeltaNet, index: number, h: Float64Array): Float64Array {
    const { keyHeads, valueHeads, headDim } = net;
    const { normEps } = this.#model;
    // Rotated is what enters the first two alone.
    const [qkv, gate, alpha, beta] = net.qkv.rotated
      ? [...this.#project([net.qkv, net.gate], h), ...this.#project([net.alpha, net.beta], h)]
      : this.#project([net.qkv, net.gate, net.alpha, net.beta], h);
    const { rows: channels, cols: taps, values: filter } = net.conv;
    const before = this.#states[index]!.at(-1) ?? {
      matrices: Array.from({ length: valueHeads }, () => new Float64Array(headDim * headDim)),
      inputs: Array.from({ length: taps - 1 }, () => new Float64Array(channels)),
    };
    const inputs = [...before.inputs, qkv!];
    const y = Float64Array.from({ length: channels }, (_, c) =>
      silu(inputs.reduce((sum, input, j) => sum + filter[c * taps + j]! * input[c]!, 0)),
    );
    const part = (head: number) => y.slice(head * headDim, (head + 1) * headDim);

    const out = new Float64Array(valueHeads * headDim);
    const matrices = before.matrices.map((old, head) => {
      const q = l2Norm(part(head % keyHeads), normEps);
      const k = l2Norm(part(keyHeads + (head % keyHeads)), normEps);
      const v = part(2 * keyHeads + head);
      const decay = Math.exp(net.a[head]! * softplus(alpha![head]! + net.dtBias[head]!));
      const state = old.map((s) => decay * s);
      const o = new Float64Array(headDim);
      for (let r = 0; r < headDim; r++) {
        const row = state.subarray(r * headDim, (r + 1) * headDim);
        const delta = sigmoid(beta![head]!) * (v[r]! - dot(row, k));
        row.forEach((s, c) => {
          row[c] = s + delta * k[c]!;
        });
        o[r] = dot(row, q) / Math.sqrt(headDim);
      }
      const normed = rmsNorm(o, net.norm, normEps);
      out.set(
        normed.map((x, r) => x * silu(gate![head * headDim + r]!)),
        head * headDim,
      );
      return state;
    });
    this.#states[index]!.push({ matrices, inputs: inputs.slice(1) });
    if (!net.out.rotated || !this.#model.rotation!.grouped)
      return this.#project([net.out], out)[0]!;
    // Value head h belongs to key head h mod keyHeads; those of one come together.
    const order = [...Array(valueHeads).keys()].sort(
      (a, b) => (a % keyHeads) - (b % keyHeads) || a - b,
    );
    const grouped = order.flatMap((head) => [...out.slice(head * headDim, (head + 1) * headDim)]);
    return this.#project([net.out], Float64Array.from(grouped))[0]!;
  }

  /** A selective state space, after a causal convolution of its values, keys and queries. */
  #selection(space: StateSpace, index: number, h: Float64Array): Float64Array {
    const { groups, heads, keyDim } = space;
    const [projected] = this.#project([space.in], h);
    const { rows: channels, cols: taps, values: filter } = space.conv;
    const values = channels - 2 * groups * keyDim;
    const headDim = values / heads;
    const before = this.#states[index]!.at(-1) ?? {
      matrices: Array.from({ length: heads }, () => new Float64Array(headDim * keyDim)),
      inputs: Array.from({ length: taps - 1 }, () => new Float64Array(channels)),
    };
    const inputs = [...before.inputs, projected!.slice(values, values + channels)];
    const y = Float64Array.from({ length: channels }, (_, c) =>
      silu(
        inputs.reduce((sum, input, j) => sum + filter[c * taps + j]! * input[c]!, 0) +
          (space.convBias?.[c] ?? 0),
      ),
    );
    const [keys, queries] = [0, 1].map((which) =>
      Array.from({ length: groups }, (_, group) => {
        const begin = values + (which * groups + group) * keyDim;
        return y.slice(begin, begin + keyDim);
      }),
    );

    const out = new Float64Array(values);
    const matrices = before.matrices.map((old, head) => {
      const group = Math.floor(head / (heads / groups));
      const step = softplus(projected![values + channels + head]! + space.dtBias[head]!);
      const fade = Math.exp(step * space.a[head]!);
      const state = old.map((s, i) => {
        const x = y[head * headDim + Math.floor(i / keyDim)]!;
        return s * fade + step * x * keys![group]![i % keyDim]!;
      });
      for (let r = 0; r < headDim; r++) {
        const at = head * headDim + r;
        const read = dot(state.subarray(r * keyDim, (r + 1) * keyDim), queries![group]!);
        out[at] = (read + space.d[head]! * y[at]!) * silu(projected![at]!);
      }
      return state;
    });
    this.#states[index]!.push({ matrices, inputs: inputs.slice(1) });
    for (let group = 0; space.norm && group < groups; group++) {
      const [begin, end] = [group, group + 1].map((g) => (g * values) / groups);
      const part = out.slice(begin, end);
      out.set(rmsNorm(part, space.norm.slice(begin, end), this.#model.normEps), begin);
    }
    return this.#project([space.out], out)[0]!;
  }

  #feedForward(layer: ReferenceLayer, h: Float64Array): Float64Array {
    const { networks, router, ffnSubNorm } = layer;
    if (!router) return this.#network(networks[0]!, h, { ffnSubNorm });
    const logits = multiply(router.weight, h);
    const chosen = [...logits.keys()]
      .sort((a, b) => logits[b]! - logits[a]! || a - b)
      .slice(0, router.used);
    const probabilities = softmax([...logits]);
    const sum = chosen.reduce((total, expert) => total + probabilities[expert]!, 0);
    return chosen
      .map((expert) => {
        const y = this.#network(networks[expert]!, h, router);
        return y.map((v) => (v * probabilities[expert]!) / sum);
      })
      .reduce<Float64Array>(add, new Float64Array(h.length));
  }

  #network(
    { gate, up, down }: Network,
    h: Float64Array,
    { clamp = 0, ffnSubNorm }: { clamp?: number; ffnSubNorm?: Float64Array | undefined },
  ): Float64Array {
    const { activation, normEps } = this.#model;
    const activate = { relu2, silu, gelu_tanh: geluTanh }[activation];
    const limit = clamp || Number.POSITIVE_INFINITY;
    const [gates, ups] = this.#project([gate, up], h);
    const f = gates!.map(
      (g, i) => activate(Math.min(g, limit)) * Math.max(-limit, Math.min(ups![i]!, limit)),
    );
    const normed = ffnSubNorm ? rmsNorm(f, ffnSubNorm, normEps) : f;
    return this.#project([down], normed)[0]!;
  }

  /** Each head, or with as many weights as the row has columns, the row. */
  #normHeads(heads: Float64Array, weight: Float64Array | undefined): Float64Array {
    const out = heads.slice();
    for (let head = 0; weight && head < heads.length; head += weight.length) {
      out.set(this.#norm(heads.slice(head, head + weight.length), weight), head);
    }
    return out;
  }

  #clamped(x: Float64Array): Float64Array {
    const { clamp } = this.#model;
    return x.map((v) => Math.min(clamp, Math.max(-clamp, v)));
  }

  /** Rotates every head of q or k by the angles of the current position. */
  #rotate(heads: Float64Array, rope: Rope): Float64Array {
    const { headDim } = this.#model;
    const out = heads.slice();
    for (let head = 0; head < heads.length; head += headDim) {
      for (let j = 0; j < rope.dim / 2; j++) {
        const frequency = rope.base ** ((-2 * j) / rope.dim) / (rope.factors?.[j] ?? 1);
        const angle = (this.#position / rope.scale) * frequency;
        const [cosine, sine] = [Math.cos(angle), Math.sin(angle)].map((x) => x * rope.magnitude);
        const a = head + (rope.neox ? j : 2 * j);
        const b = head + (rope.neox ? j + rope.dim / 2 : 2 * j + 1);
        out[a] = heads[a]! * cosine! - heads[b]! * sine!;
        out[b] = heads[a]! * sine! + heads[b]! * cosine!;
      }
    }
    return out;
  }

  /** H (s ⊙ x) of an input. */
  #rotation(x: Float64Array): Float64Array {
    const { block, signs } = this.#model.rotation!;
    const own = signs.get(x.length);
    return transform(own ? x.map((v, i) => v * own[i]!) : x, block);
  }

  /** s ⊙ H x, its inverse. */
  #unrotated(x: Float64Array): Float64Array {
    const { block, signs } = this.#model.rotation!;
    const own = signs.get(x.length);
    const y = transform(x, block);
    return own ? y.map((v, i) => v * own[i]!) : y;
  }

  /** What several layers make of one input, which is rounded once unless each norms it first. */
  #project(layers: readonly Projection[], input: Float64Array): Float64Array[] {
    const x = layers[0]!.rotated ? this.#rotation(input) : input;
    const rounded = (y: Float64Array) =>
      this.#rounding.int8Activations ? roundToInt8(y, this.#round) : y;
    const shared = layers.some(({ normIn }) => normIn) ? x : rounded(x);
    return layers.map(({ weight, normIn, bias, deltas = [] }) => {
      const exact = normIn ? rmsNorm(x, normIn, this.#model.normEps) : x;
      const y = multiply(weight, !weight.ternary ? exact : normIn ? rounded(exact) : shared);
      const own = bias ? add(y, bias) : y;
      return deltas.reduce((sum, { a, b, factor }) => {
        return add(
          sum,
          multiply(b, multiply(a, exact)).map((v) => v * factor),
        );
      }, own);
    });
  }

  #stored(x: Float64Array): Float64Array {
    if (this.#rounding.int8KeysAndValues) {
      return roundToBlocks(x, this.#model.headDim, this.#round);
    }
    return this.#rounding.halfKeysAndValues ? roundToHalf(x, this.#round) : x;
  }

  get #round() {
    return this.#rounding.round ?? roundHalfEven;
  }
}

/** Logits [ids.length][vocabSize] of every position of a sequence. */
export function referenceLogits(
  model: ReferenceModel,
  ids: readonly number[],
  rounding: Rounding = {},
): Float64Array[] {
  const sequence = new ReferenceSequence(model, rounding);
  return ids.map((id) => sequence.next(id));
}

/** Each row is summed from left to right; four go side by side, because one addition waits for the one before it. */
function multiply({ rows, cols, values }: Matrix, x: Float64Array): Float64Array {
  const y = new Float64Array(rows);
  let r = 0;
  for (; r + 4 <= rows; r += 4) {
    let [a, b, c, d] = [0, 0, 0, 0];
    let at = r * cols;
    for (let k = 0; k < cols; k++, at++) {
      const factor = x[k]!;
      a += values[at]! * factor;
      b += values[at + cols]! * factor;
      c += values[at + 2 * cols]! * factor;
      d += values[at + 3 * cols]! * factor;
    }
    y[r] = a;
    y[r + 1] = b;
    y[r + 2] = c;
    y[r + 3] = d;
  }
  for (; r < rows; r++) {
    let sum = 0;
    for (let k = 0; k < cols; k++) sum += values[r * cols + k]! * x[k]!;
    y[r] = sum;
  }
  return y;
}

/** The normalized Walsh-Hadamard transform of each `block` values, from its matrix. */
function transform(x: Float64Array, block: number): Float64Array {
  return x.map((_, i) => {
    const begin = i - (i % block);
    let sum = 0;
    for (let j = 0; j < block; j++) {
      let common = (i - begin) & j;
      let sign = 1;
      for (; common > 0; common >>= 1) if (common & 1) sign = -sign;
      sum += sign * x[begin + j]!;
    }
    return sum / Math.sqrt(block);
  });
}

function rmsNorm(x: Float64Array, weight: Float64Array, eps: number): Float64Array {
  const meanSquare = x.reduce((sum, v) => sum + v * v, 0) / x.length;
  return x.map((v, i) => (v / Math.sqrt(meanSquare + eps)) * weight[i]!);
}

function layerNorm(x: Float64Array, eps: number): Float64Array {
  const mean = x.reduce((sum, v) => sum + v, 0) / x.length;
  const variance = x.reduce((sum, v) => sum + (v - mean) ** 2, 0) / x.length;
  return x.map((v) => (v - mean) / Math.sqrt(variance + eps));
}

/** The numbers that int8 codes of x stand for. */
function roundToInt8(x: Float64Array, round: (steps: number) => number): Float64Array {
  const scale = 127 / x.reduce((max, v) => Math.max(max, Math.abs(v)), 1e-5);
  return x.map((v) => round(v * scale) / scale);
}

/** The f16 nearest to the f32 of x; halves are 2^(e − 10) apart from 2^e on, and from 2^−14 down. */
function roundToHalf(x: Float64Array, round: (steps: number) => number): Float64Array {
  return x.map((v) => {
    const single = Math.fround(v);
    const exponent = Math.max(Math.floor(Math.log2(Math.abs(single))), -14);
    const step = 2 ** (exponent - 10);
    return round(single / step) * step;
  });
}

/** The numbers that int8 codes stand for with a scale for each 32 values of a head. */
function roundToBlocks(
  x: Float64Array,
  headDim: number,
  round: (steps: number) => number,
): Float64Array {
  const out = new Float64Array(x.length);
  for (let head = 0; head < x.length; head += headDim) {
    for (let begin = head; begin < head + headDim; begin += 32) {
      const block = x.slice(begin, Math.min(begin + 32, head + headDim));
      const largest = block.reduce((max, v) => Math.max(max, Math.abs(v)), 0);
      const step = roundToHalf(Float64Array.of(largest / 127), round)[0]!;
      block.forEach((v, i) => {
        const code = step === 0 ? 0 : round(v / step);
        out[begin + i] = Math.max(-127, Math.min(127, code)) * step;
      });
    }
  }
  return out;
}

function softmax(scores: readonly number[]): number[] {
  const max = Math.max(...scores);
  const powers = scores.map((score) => Math.exp(score - max));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

function relu2(x: number): number {
  return x > 0 ? x * x : 0;
}

function l2Norm(x: Float64Array, eps: number): Float64Array {
  return x.map((v) => v / Math.sqrt(dot(x, x) + eps));
}

function dot(a: Float64Array, b: Float64Array): number {
  return a.reduce((sum, v, i) => sum + v * b[i]!, 0);
}

function sigmoid(x: number): number {
  return 1 / (1 + Math.exp(-x));
}

function softplus(x: number): number {
  return Math.log1p(Math.exp(x));
}

function silu(x: number): number {
  return x / (1 + Math.exp(-x));
}

function geluTanh(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));
}

function add(a: Float64Array, b: Float64Array): Float64Array {
  return a.map((v, i) => v + b[i]!);
}
