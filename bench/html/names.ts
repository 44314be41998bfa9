import { isTernary } from '../../lib/model/spec/graph-tensors.js';
import { kernelName } from '../report/columns.js';
import type { BenchResult, ModelShape } from '../report/report.js';

/** A file's name without its folder, from a path of any system. */
export function fileName({ model }: BenchResult): string {
  return model.split(/[\\/]/).at(-1)!;
}

/** 'FP16', '4-bit' or 'ternary' where a format is one of these, with its own name. */
export function formatName({ format }: BenchResult): string {
  const name = format.toUpperCase();
  if (/^B?F16$/.test(name)) return `${name} (16-bit floats)`;
  if (/^I?Q4_/.test(name)) return `${name} (4-bit)`;
  return isTernary(name) ? `${name} (ternary)` : name;
}

/** Weights of the layers and of one embedding, norms left out. */
export function parametersOf(shape: ModelShape): number {
  const { nLayer, dim, ffnDim, experts = 1, nHead, nKvHead, headDim, vocabSize } = shape;
  const attention = 2 * dim * headDim * (nHead + nKvHead);
  return nLayer * (attention + experts * 3 * dim * ffnDim) + vocabSize * dim;
}

/** Letters of a model's name in a label that has more to say. */
const longestName = 24;

/** What tells results apart, and what they have in common. */
export interface Names {
  readonly common: string;
  readonly own: readonly string[];
}

/** Names for results by file, format, test, threads and kernel: what all have in common is said once. */
export function namesOf(results: readonly BenchResult[], test = (r: BenchResult) => r.test): Names {
  const rows = results.map((result) => [
    shortened(fileName(result).replace(/^synthetic |\.gguf$/gi, '')),
    inFileName(result) ? '' : result.format,
    test(result),
    `${result.threads} ${result.threads === 1 ? 'thread' : 'threads'}`,
    kernelName(result),
    ...[
      result.headPrefilter ? '' : 'no head prefilter',
      result.skipInactive ? '' : 'no skipping of inactive neurons',
    ],
  ]);
  const differs = (i: number) => rows.some((row) => row[i] !== rows[0]![i]);
  const join = (row: readonly string[], keep: (i: number) => boolean) =>
    row.filter((part, i) => part !== '' && keep(i)).join(' · ');
  return {
    common: join(rows[0] ?? [], (i) => !differs(i)),
    own: rows.map((row) => join(row, differs) || row[0]!),
  };
}

/** Both ends of a long name, as names of models often differ in the last letters. */
function shortened(name: string): string {
  const letters = [...name];
  if (letters.length <= longestName) return name;
  const half = (longestName - 2) / 2;
  return `${letters.slice(0, half).join('')}…${letters.slice(-half).join('')}`;
}

/** Whether a name such as 2b4t-i2_s.gguf tells the format already. */
function inFileName(result: BenchResult): boolean {
  return fileName(result).toLowerCase().includes(result.format.toLowerCase());
}
