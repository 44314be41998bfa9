import { basename } from 'node:path';
import { bytes } from '../../lib/byte-size.js';
import type { Inspection, LayerSparsity, Sparsity } from '../../lib/index.js';
import { escaped } from '../escape.mjs';
import { shortestFloat } from '../float.mjs';
import { Layout, type Row } from './inspect-layout.mjs';
import { skippingText, tuningText } from './tuning-text.mjs';

type Metadata = Inspection['metadata'][number];

/** An inspection as lines of at most `width` columns, control characters of the file made visible. */
export function inspectionLines(
  inspection: Inspection,
  width: number,
  sparsity?: Sparsity,
): string[] {
  const layout = new Layout(width);
  const { decisions, problems, metadata, tensors } = inspection;
  return [
    ...layout.fields(overview(inspection)),
    ...layout.section(
      'Problems',
      layout.paragraphs(problems.map(({ code, message }) => `${code}: ${message}`)),
    ),
    ...layout.section(
      'Decisions',
      layout.paragraphs(decisions.map((d) => `${d.subject}: ${d.choice}, because ${d.reason}`)),
    ),
    ...layout.section('Memory', layout.fields(memory(inspection))),
    ...layout.section('Load plan', layout.columns(planRows(inspection))),
    ...layout.section('Kernels', layout.fields(kernels(inspection))),
    ...layout.section('Measured kernels', layout.paragraphs(inspection.tuning.map(tuningText))),
    ...layout.section('Activation sparsity', sparsity ? zeroLines(sparsity, layout) : []),
    ...layout.section(
      'Metadata',
      metadata.map((entry) => metadataLine(entry, layout)),
    ),
    ...layout.section('Tensors', tensorLines(inspection, layout)),
    ...(tensors.length === 0 ? ['', 'No tensors: a vocabulary only.'] : []),
  ];
}

function overview(inspection: Inspection): Row[] {
  const { path, file, architecture, model, tensors, tokenizer, chatTemplate } = inspection;
  const rows: Row[] = [
    ['File', path],
    ['', `${bytes(file.size)}, GGUF version ${file.version}, aligned to ${file.alignment} bytes`],
    ...shardRows(file.shards ?? []),
    ['Architecture', architecture ?? 'not said'],
  ];
  if (model) {
    const { nLayer, dim, ffnDim, experts, nHead, nKvHead, headDim, rope } = model;
    const { slidingWindow, recurrent } = model;
    rows.push(
      ['', `${nLayer} layers, dim ${dim}, FFN ${ffnDim}, activation ${model.activation}`],
      ...(experts ? [['', `${experts.count} experts, ${experts.used} of them for a token`]] : []),
      ['', `${nHead} heads and ${nKvHead} KV heads of ${headDim}`],
      ['', `context ${model.contextLength}, vocabulary ${model.vocabSize}`],
      ['', `RoPE ${rope.type}, ${rope.dim} dims, base ${rope.base}, ${ropeScale(rope)}`],
    );
    if (model.logitSoftcapping) rows.push(['', `logits soft-capped at ${model.logitSoftcapping}`]);
    if (slidingWindow) {
      const count = slidingWindow.layers.filter(Boolean).length;
      const window = `see ${slidingWindow.window} positions, RoPE base ${slidingWindow.ropeBase}`;
      const others = slidingWindow.ropeOnly ? '; the others have no positions' : '';
      rows.push(['', `${count} of the layers ${window}${others}`]);
    }
    if (recurrent) {
      const count = recurrent.layers.filter(Boolean).length;
      const { nKeyHead, nValueHead, keyDim, headDim } = recurrent;
      rows.push([
        '',
        recurrent.stateSpace
          ? `a state space beside attention: ${nValueHead} heads of ${headDim}, ${nKeyHead} groups of ${keyDim}`
          : `${count} of the layers recurrent: ${nKeyHead} key and ${nValueHead} value heads of ${headDim}`,
      ]);
    }
  }
  if (tensors.length > 0) rows.push(['Tensors', tensorTypes(tensors)]);
  if (tokenizer) {
    const { kind, preTokenizer, vocabSize, bos, addBos, endOfGeneration } = tokenizer;
    const begin = bos === undefined ? 'none' : `${bos}${addBos ? '' : ' (not added)'}`;
    const ends = endOfGeneration.map(({ id, text }) => `${id} ${text}`).join(', ') || 'none';
    rows.push(
      ['Tokenizer', `${kind}${preTokenizer ? ` (${preTokenizer})` : ''}, ${vocabSize} tokens`],
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
function shardRows(shards: readonly { path: string; size: number; tensors: number }[]): Row[] {
  return shards.map(({ path, size, tensors }, i) => [
    i === 0 ? 'Shards' : '',
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
  const { ternary, dense, head, norms, kvPer1000Positions, states } = parts;
  return [
    ['Ternary layers', bytes(ternary)],
    ...(dense > 0 ? [['Dense layers', bytes(dense)]] : []),
    ['Embedding, head', bytes(head)],
    ['Norms', bytes(norms)],
    ['Weights in all', bytes(ternary + dense + head + norms)],
    ['KV cache', `${bytes(kvPer1000Positions.f16)} per 1,000 positions and session`],
    ['as q8_0', bytes(kvPer1000Positions.q8_0)],
    ...stateRows(states),
  ];
}

/** What recurrent layers take besides. */
function stateRows({ working, snapshots }: NonNullable<Inspection['memory']>['states']): Row[] {
  if (working === 0) return [];
  return [
    ['States', `${bytes(working)} per session`],
    ['snapshots', `up to ${bytes(snapshots)}`],
  ];
}

/** How loading would hold the tensors, those of all layers together. */
function planRows({ plan = [] }: Inspection): Row[] {
  const groups = new Map<string, { tensors: number; held: number }>();
  for (const { role, layout, kernel, bytes: held } of plan) {
    const key = [role, layout, kernel].join('\t');
    const group = groups.get(key) ?? { tensors: 0, held: 0 };
    groups.set(key, { tensors: group.tensors + 1, held: group.held + held });
  }
  return [...groups].map(([key, { tensors, held }]) => {
    const [role, layout, kernel] = key.split('\t');
    return [role!, `${tensors} ×`, layout!, kernel!, bytes(held)];
  });
}

function kernels({ cpu, skipsInactive = [] }: Inspection): Row[] {
  if (!cpu) return [];
  const { chosen } = cpu;
  return [
    ['CPU', `${cpu.isa.join(', ') || 'no vector instructions'}; ${cpu.threads} threads`],
    ...cpu.kernels.map(({ name, usable }) => {
      const used = name === chosen?.ternary ? 'would be used' : 'usable';
      return [name, usable ? used : 'not on this CPU'];
    }),
    ...(chosen ? [['Dense, vector', `${chosen.dense}, ${chosen.vector}`]] : []),
    ...(skipsInactive.includes(true) ? [['Skipping', skippingText(skipsInactive)]] : []),
  ];
}

function zeroLines({ text, tokens, left, layers, mean }: Sparsity, layout: Layout): string[] {
  const over = `Over ${tokens} tokens${left > 0 ? ` (${left} more did not fit)` : ''} of the text`;
  const row = (name: string, { inactiveNeurons, zeroInputs }: LayerSparsity) => [
    name,
    percent(inactiveNeurons),
    percent(zeroInputs),
  ];
  return [
    ...layout.paragraphs([`${over} ${JSON.stringify(beginning(text))}:`]),
    ...layout.columns([
      ['layer', 'inactive neurons', 'zero inputs of down'],
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

function metadataLine({ key, type, value }: Metadata, layout: Layout): string {
  const name = escaped(key);
  const shown =
    typeof value === 'object' ? list(value.length, value.first, layout) : text(value, layout, type);
  return layout.cut(`${name} (${type}) ${shown}`);
}

function list(length: number, first: readonly unknown[], layout: Layout): string {
  const more = length > first.length ? ', …' : '';
  return `${length}: ${first.map((item) => text(item, layout)).join(', ')}${more}`;
}

/** No more of a text than a line holds. */
function text(value: unknown, { width }: Layout, type?: string): string {
  if (typeof value === 'string') return escaped(JSON.stringify(value.slice(0, width)));
  return String(type === 'f32' ? shortestFloat(value as number) : value);
}

function tensorLines({ tensors }: Inspection, layout: Layout): string[] {
  const rows = tensors.map(({ name, type, dims, bytes: size }) => [
    escaped(name),
    type,
    dims.join(' × '),
    bytes(size),
  ]);
  return layout.columns(rows);
}
