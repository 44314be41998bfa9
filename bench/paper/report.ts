import type { Estimate } from '../report/estimate.js';
import type { BenchReport } from '../report/report.js';
import type { ShapeName } from '../synth/shapes.js';
import type { Verdict } from './arithmetic.js';
import type { Claim } from './claims.js';
import type { Published } from './published.js';

/**
 * The papers' tables on this machine. It is a report of `bench` with all measurements behind them, and the tables; a cost is better the
 * smaller it is, ratios are FP16 ÷ other weights unless said otherwise.
 */
export interface PaperReport extends BenchReport {
  /** Bytes that `batches` is about. */
  readonly budgetBytes: number;
  readonly timeBox: TimeBox;
  /** In the order of the papers. */
  readonly sizes: readonly SizeRow[];
  readonly crossovers: readonly Crossover[];
  readonly batches: readonly BatchRow[];
  readonly claims: readonly Claim[];
  /** What is doubtful about these numbers, in sentences. */
  readonly warnings: readonly string[];
}

/** Whether a report has the papers' tables. */
export function isPaperReport(report: BenchReport): report is PaperReport {
  return 'sizes' in report;
}

export interface TimeBox {
  readonly limitSeconds: number;
  readonly usedSeconds: number;
  /** What there was no time or memory for, in sentences. */
  readonly cut: readonly string[];
}

/** Weights that the tables compare: 'f16', 'q4_0' and 'i2_s', which is ternary. */
export type PaperFormat = 'f16' | 'q4_0' | 'i2_s';

/** A number, where it comes from and how well it is known. */
export interface Cell extends Estimate {
  /**
   * 'measured': all layers ran; 'extrapolated': on a straight line through runs with fewer of them; 'modeled': by a table of published
   * costs.
   */
  readonly basis: 'measured' | 'extrapolated' | 'modeled';
  /** Layers of the two models that were run for an extrapolation. */
  readonly layers: readonly [number, number] | null;
}

/** What one model of a size costs. */
export interface FormatRow {
  readonly format: PaperFormat;
  /** Bytes of weights, embedding and norms as the engine holds them, without a session's keys and values. */
  readonly memory: Cell;
  /** Milliseconds per token. */
  readonly decode: Cell;
  readonly prefill: Cell;
  /** Joules per decoded token: measured, or by the paper's model of arithmetic. */
  readonly energy: Cell;
  /** Joules per token of a prompt; null where none are measured: the model knows no difference. */
  readonly prefillEnergy: Cell | null;
  /** Bytes per second while decoding ÷ the best read bandwidth of all sizes. */
  readonly fractionOfReadBandwidth: number | null;
  /** What FP16 costs ÷ what this costs; null without FP16. */
  readonly ratios: Ratios | null;
}

export interface Ratios {
  readonly memory: number;
  readonly decode: number;
  readonly prefill: number;
  readonly energy: number;
}

export interface SizeRow {
  readonly size: ShapeName;
  readonly layers: number;
  /** Measured read bandwidth around the measurements of this size. */
  readonly gbPerSecond: number;
  readonly formats: readonly FormatRow[];
  /** FP16 ÷ ternary as published, beside ours; null where nobody published it. */
  readonly published: {
    readonly memory: Comparison | null;
    readonly decode: Comparison | null;
    readonly energy: Comparison | null;
  };
}

/** A published ratio and ours. */
export interface Comparison extends Published {
  /** Size of the FP16 model in the ratio. */
  readonly against: ShapeName;
  /** The same ratio here; null without that model. */
  readonly here: number | null;
}

/** Whether a larger ternary model is cheaper than a smaller FP16 one. */
export interface Crossover {
  readonly ternary: ShapeName;
  readonly fp16: ShapeName;
  readonly source: string;
  readonly rows: readonly CrossoverRow[];
}

export interface CrossoverRow {
  readonly cost: 'memory' | 'decode' | 'prefill' | 'energy' | 'prefillEnergy';
  readonly ternary: Cell;
  readonly fp16: Cell;
  /** Ternary ÷ FP16: cheaper below 1. */
  readonly ratio: number;
  readonly verdict: Verdict;
}

/** How many sequences fit into the budget, and what they give. */
export interface BatchRow {
  readonly size: ShapeName;
  /** Positions of each sequence. */
  readonly positions: number;
  readonly fp16: Batch | null;
  readonly ternary: Batch | null;
  /** Ternary ÷ FP16; null where FP16 does not fit. */
  readonly batchRatio: number | null;
  readonly throughputRatio: number | null;
  readonly published: { readonly batch: Published; readonly throughput: Published } | null;
}

export interface Batch {
  /** Bytes of the model and its process. */
  readonly fixedBytes: number;
  /** Keys and values of one sequence. */
  readonly bytesPerSequence: number;
  /** 0: the model does not fit. */
  readonly largest: number;
  /** Sequences with which throughput is best, of those that fit and were measured. */
  readonly bestSequences: number | null;
  /** Tokens per second of all sequences together. */
  readonly throughput: Cell | null;
}
