import { basename } from 'node:path';
import { bytes } from '../../lib/byte-size.js';
import type { Inspection, LayerSparsity, Sparsity } from '../../lib/index.js';
import { escaped } from '../escape.mjs';
import { shortestFloat } from '../float.mjs';
import { tuningText, zerosText } from './tuning-text.mjs';

type Metadata = Inspection['metadata'][number];
type Row = readonly string[];

/** Columns of an ordinary terminal; longer values are cut or wrapped. */
const width = 80;

/** An inspection as lines of at most 80 columns, control characters of the file made visible. */
export function inspectionLines(inspection: Inspection, sparsity?: Sparsity): string[] {
  const { decisions, problems, metadata, tensors } = inspection;
  return [
    ...fields(overview(inspection)),
    ...section('Problems', wrapped(problems.map(({ code, message }) => `${code}: ${message}`))),
    ...section(
      'Decisions',
      wrapped(decisions.map((d) => `${d.subject}: ${d.choice}, because ${d.reason}`)),
    ),
    ...section('Memory', fields(memory(inspection))),
    ...section('Kernels', fields(kernels(inspection))),
    ...section('Measured kernels', wrapped(inspection.tuning.map(tuningText))),
    ...section('Zeros', sparsity ? zeroLines(sparsity) : []),
    ...section('Metadata', metadata.map(metadataLine)),
    ...section('Tensors', tensorLines(inspection)),
    ...(tensors.length === 0 ? ['', 'No tensors: a vocabulary only.'] : []),
  ];
}

function overview(inspection: Inspection): Row[] {
  const { path, file, architecture, model, tensors, tokenizer, chatTemplate } = inspection;
  const rows: Row[] = [
    ['File', path],
    ['', `${bytes(file.size)}, GGUF version ${file.version}, aligned to ${file.alignment} bytes`],
    ...partRows(file.parts ?? []),
    ['Architecture', architecture ?? 'not said'],
  ];
  if (model) {
    const { nLayer, dim, ffnDim, nHead, nKvHead, headDim, rope, local } = model;
    rows.push(
      ['', `${nLayer} layers, dim ${dim}, FFN ${ffnDim}, activation ${model.activation}`],
      ['', `${nHead} heads and ${nKvHead} KV heads of ${headDim}`],
      ['', `context ${model.contextLength}, vocabulary ${model.vocab}`],
      ['', `RoPE ${rope.type}, ${rope.dim} dims, base ${rope.base}, ${ropeScale(rope)}`],
    );
    if (model.logitSoftcapping) rows.push(['', `logits soft-capped at ${model.logitSoftcapping}`]);
    if (local) {
      const count = local.layers.filter(Boolean).length;
      const window = `see ${local.window} positions, RoPE base ${local.ropeBase}`;
      rows.push(['', `${count} of the layers ${window}`]);
    }
  }
  if (tensors.length > 0) rows.push(['Tensors', tensorTypes(tensors)]);
  if (tokenizer) {
    const { kind, preTokenizer, vocab, bos, addBos, endOfGeneration } = tokenizer;
    const begin = bos === undefined ? 'none' : `${bos}${addBos ? '' : ' (not added)'}`;
    const ends = endOfGeneration.map(({ id, text }) => `${id} ${text}`).join(', ') || 'none';
    rows.push(
      ['Tokenizer', `${kind}${preTokenizer ? ` (${preTokenizer})` : ''}, ${vocab} tokens`],
      ['', `begins with ${begin}; ends with ${ends}`],
      ['Chat template', chatTemplate ? 'yes' : 'none: continues text'],
      ...namedTemplateRows(inspection),
    );
  }
  return rows;
}

/** The templates that --chat-template takes by name. */
function namedTemplateRows({ chatTemplates = [] }: Inspection): Row[] {
  return chatTemplates.length === 0 ? [] : [['', `and by name: ${chatTemplates.join(', ')}`]];
}

/** By what angles are divided: one number for all pairs, or from the first pair to the last. */
function ropeScale({
  scale,
  factors,
  magnitude,
}: NonNullable<Inspection['model']>['rope']): string {
  const divided = factors
    ? `scale ${rounded(factors[0]!)} to ${rounded(factors.at(-1)!)}`
    : `scale ${scale}`;
  return magnitude === undefined ? divided : `${divided}, magnitude ${rounded(magnitude)}`;
}

/** With at most five digits. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

/** The files of a split model. */
function partRows(parts: readonly { path: string; size: number; tensors: number }[]): Row[] {
  return parts.map(({ path, size, tensors }, i) => [
    i === 0 ? 'Parts' : '',
    `${basename(path)}: ${tensors} tensors, ${bytes(size)}`,
  ]);
}

/** `42 I2_S, 25 F32, 1 F16`: how many tensors there are of each type. */
function tensorTypes(tensors: Inspection['tensors']): string {
  const counts = new Map<string, number>();
  for (const { type } of tensors) counts.set(type, (counts.get(type) ?? 0) + 1);
  const sorted = [...counts].sort((a, b) => b[1] - a[1]);
  return sorted.map(([type, count]) => `${count} ${type}`).join(', ');
}

function memory({ memory: parts }: Inspection): Row[] {
  if (!parts) return [];
  const { ternary, dense, head, norms, kvPer1000Positions } = parts;
  return [
    ['Ternary layers', bytes(ternary)],
    ...(dense > 0 ? [['Dense layers', bytes(dense)]] : []),
    ['Embedding, head', bytes(head)],
    ['Norms', bytes(norms)],
    ['Weights in all', bytes(ternary + dense + head + norms)],
    ['KV cache', `${bytes(kvPer1000Positions.f16)} per 1,000 positions and session`],
    ['as q8_0', bytes(kvPer1000Positions.q8_0)],
  ];
}

function kernels({ cpu, skipsZeros = [] }: Inspection): Row[] {
  if (!cpu) return [];
  const { chosen } = cpu;
  return [
    ['CPU', `${cpu.isa.join(', ') || 'no vector instructions'}; ${cpu.threads} threads`],
    ...cpu.kernels.map(({ name, usable }) => {
      const used = name === chosen?.ternary ? 'would be used' : 'usable';
      return [name, usable ? used : 'not on this CPU'];
    }),
    ...(chosen ? [['Dense, vector', `${chosen.dense}, ${chosen.vector}`]] : []),
    ...(skipsZeros.includes(true) ? [['Zeros', zerosText(skipsZeros)]] : []),
  ];
}

function zeroLines({ text, tokens, left, layers, mean }: Sparsity): string[] {
  const over = `Over ${tokens} tokens${left > 0 ? ` (${left} more did not fit)` : ''} of the text`;
  const row = (name: string, { closedGates, zeroInputs }: LayerSparsity) => [
    name,
    percent(closedGates),
    percent(zeroInputs),
  ];
  return [
    ...wrapped([`${over} ${JSON.stringify(beginning(text))}:`]),
    ...columns([
      ['layer', 'closed gates', 'zero inputs of down'],
      ...layers.map((layer, i) => row(String(i), layer)),
      row('mean', mean),
    ]),
  ];
}

/** The first few words of a text. */
function beginning(text: string): string {
  return text.length > 30 ? `${text.slice(0, 30).trimEnd()}…` : text;
}

function percent(part: number): string {
  return `${(100 * part).toFixed(1)} %`;
}

function metadataLine({ key, type, value }: Metadata): string {
  const name = escaped(key);
  const shown = typeof value === 'object' ? list(value.length, value.first) : text(value, type);
  return cut(`${name} (${type}) ${shown}`);
}

function list(length: number, first: readonly unknown[]): string {
  const more = length > first.length ? ', …' : '';
  return `${length}: ${first.map((item) => text(item)).join(', ')}${more}`;
}

function text(value: unknown, type?: string): string {
  if (typeof value === 'string') return escaped(JSON.stringify(value.slice(0, width)));
  return String(type === 'f32' ? shortestFloat(value as number) : value);
}

function tensorLines({ tensors }: Inspection): string[] {
  const rows = tensors.map(({ name, type, dims, bytes: size }) => [
    escaped(name),
    type,
    dims.join(' × '),
    bytes(size),
  ]);
  return columns(rows);
}

/** Rows under each other, every column as wide as its widest entry. */
function columns(rows: readonly Row[]): string[] {
  const widths: number[] = [];
  for (const row of rows) {
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  }
  return rows.map((row) => cut(row.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')));
}

function fields(rows: readonly Row[]): string[] {
  return rows.map(([name, value]) => cut(`${name!.padEnd(17)} ${escaped(value!)}`));
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : ['', title, ...lines.map((line) => cut(`  ${line}`))];
}

/** Paragraphs broken at spaces, all but the first line of each indented. */
function wrapped(paragraphs: readonly string[]): string[] {
  return paragraphs.flatMap((paragraph) => {
    const lines = [''];
    for (const word of escaped(paragraph).split(' ')) {
      const line = `${lines.at(-1)}${lines.at(-1) === '' ? '' : ' '}${word}`;
      if (line.length <= width - 4 || lines.at(-1) === '') lines[lines.length - 1] = line;
      else lines.push(word);
    }
    return lines.map((line, i) => (i === 0 ? line : `  ${line}`));
  });
}

function cut(line: string): string {
  return line.trimEnd().length > width ? `${line.slice(0, width - 1)}…` : line.trimEnd();
}
