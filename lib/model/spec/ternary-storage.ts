import type { Decision } from '../../decision.js';
import { quote } from '../../gguf/malformed.js';
import { typesOf } from '../../gguf/tensor-types.js';
import type { GgufFile } from '../../gguf/types.js';
import { type I2sLayout, i2sLayoutFacts } from './i2s-layouts.js';
import { modelError } from './model-error.js';
import type { TensorBinding } from './spec.js';
import { presetsWith, type Tile, type TlTable, type TlType, tileFits } from './tl-tables.js';

/** What a caller knows of a file's ternary tensors that the file does not say. */
export interface StorageOverrides {
  /** @default 'canonical' */
  readonly i2sLayout?: I2sLayout | undefined;
  /** The tiles of TL1 and TL2 tensors. @default none, and such tensors are refused */
  readonly tlTable?: TlTable | undefined;
}

/** A tensor as far as its storage goes, which that of all experts shares. */
type Stored = Pick<TensorBinding, 'name' | 'type' | 'rows' | 'cols' | 'experts'>;

/**
 * The type of a projection as the engine wants it: with the layout of I2_S and the tile of TL1 and
 * TL2; other types as they are.
 *
 * @throws ERR_BITNET_TYPE when the tensor cannot be stored so, or a tile is needed and not known
 */
export function storageOf(
  file: GgufFile,
  { experts = 1, ...one }: Stored,
  { i2sLayout = 'canonical', tlTable }: StorageOverrides,
): { type: string; tile?: Tile } {
  const { type } = one;
  const tensor = { ...one, rows: one.rows * experts };
  if (type === 'I2_S') return { type: i2sType(file, tensor, i2sLayout) };
  if (type === 'TL1' || type === 'TL2') return { type, tile: tileOf(file, tensor, type, tlTable) };
  return { type };
}

function i2sType(file: GgufFile, tensor: Stored, layout: I2sLayout): string {
  const { name, rows, cols } = tensor;
  const { type, unit } = i2sLayoutFacts(layout);
  const count = unit.of === 'rows' ? rows : rows * cols;
  if (count % unit.count === 0) return type;
  const wanted = `a multiple of ${unit.count} ${unit.of}, because ${layout === 'canonical' ? 'I2_S' : `the layout ${layout} of I2_S`} stores them by ${unit.count}`;
  const advice =
    layout === 'canonical'
      ? 'the file lacks the last of them, convert the model to another type'
      : 'use another i2sLayout (--i2s-layout)';
  throw typeError(file, name, wanted, `${rows} × ${cols}`, advice);
}

function tileOf(
  file: GgufFile,
  { name, rows, cols }: Stored,
  type: TlType,
  table: TlTable | undefined,
): Tile {
  const shape = `${rows} × ${cols}`;
  const source = 'the kernel_config.ini of the build that wrote the file';
  const otherwise = `convert the model to I2_S`;
  if (table === undefined) {
    const known = presetsWith(type, rows, cols);
    const preset =
      known.length === 0 ? '' : `, or the preset ${known.join(' or ')} if it used that`;
    const wanted = `given a table of tiles, without which the order of ${type} bytes is not known`;
    const advice = `name one with tlTable (--tl-table): ${source}${preset}; else ${otherwise}`;
    throw typeError(file, name, wanted, 'none', advice);
  }
  const tile = table.find(type, rows, cols);
  const wanted = `of a shape that the table of tiles ${quote(table.name)} has`;
  const advice = `give ${source} as tlTable (--tl-table), or ${otherwise}`;
  if (tile === undefined) throw typeError(file, name, wanted, shape, advice);
  if (tileFits(type, rows, cols, tile)) return tile;
  const { rows: bm, cols: bk, groupRows } = tile;
  const fitting = `stored in tiles that fit ${shape} as ${type}`;
  throw typeError(file, name, fitting, `bm ${bm}, bk ${bk}, bmm ${groupRows}`, advice);
}

function typeError(file: GgufFile, name: string, expected: string, found: string, advice: string) {
  const field = `tensor ${quote(name)}`;
  return modelError(file.path, field, expected, found, advice, 'ERR_BITNET_TYPE');
}

/** What was chosen where a type leaves open how it is stored, and why. */
export function decideStorage(
  file: GgufFile,
  tensors: readonly TensorBinding[],
  { i2sLayout, tlTable }: StorageOverrides,
): Decision[] {
  const types = new Map(file.tensors.map(({ name, type, typeId }) => [name, { type, typeId }]));
  const used = new Map(tensors.map(({ name }) => [types.get(name)!.typeId, types.get(name)!.type]));
  const decisions: Decision[] = [];
  const decide = (subject: string, choice: string, reason: string) =>
    decisions.push({ subject, choice, reason });
  for (const [id, type] of used) {
    const others = typesOf(id).filter(({ name }) => name !== type);
    if (others.length === 0 || type === 'I2_S') continue;
    const names = others.map(({ name }) => name).join(' or ');
    const reason = `its size fits the tensors best; type id ${id} has also been ${names}`;
    decide(`type ${id}`, type, reason);
  }
  const has = (pattern: RegExp) => [...used.values()].some((type) => pattern.test(type));
  if (has(/^I2_S$/)) decide('I2_S layout', i2sLayout ?? 'canonical', i2sReason(i2sLayout));
  if (has(/^TL[12]$/) && tlTable) {
    decide('TL tiles', tlTable.name, 'it was asked for; the file has no tiles to compare with');
  }
  if (has(/^P?Q2_0/)) {
    const choice = 'ternary, or dense where a weight is +2';
    decide(
      'Q2_0 weights',
      choice,
      'the type has the levels −1, 0, +1, +2, and only the weights tell',
    );
  }
  const scaled = tensors.filter(({ scaleOffset }) => scaleOffset !== undefined).length;
  if (scaled > 0) {
    const reason = 'the file has them, and products are multiplied by them';
    decide('scales', `${scaled} ${scaled === 1 ? 'tensor' : 'tensors'} "….scale"`, reason);
  }
  return decisions;
}

function i2sReason(asked: I2sLayout | undefined): string {
  return asked === undefined
    ? 'the file cannot say, and published files are so; if the text is noise and the file was quantized on ARM, try arm64'
    : 'it was asked for; the file cannot say';
}
