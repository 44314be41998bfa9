import { argumentError } from '../../checks/options.js';
import { BitnetError } from '../../errors.js';
import { quote } from '../../gguf/malformed.js';
import { openFile, unreadable } from '../../gguf/open.js';

/*
 * TL1 and TL2 store weights in the order in which one build of bitnet.cpp reads them: for every
 * matrix shape it was generated with a tile, which is in the build's kernel_config.ini and not in
 * the model file. A wrong tile mostly gives weights that look as good as the right ones, so tables
 * are named by the caller and never guessed.
 */

/** How a matrix is cut; the names in kernel_config.ini are bm, bk and bmm. */
export interface Tile {
  readonly rows: number;
  readonly cols: number;
  /** Rows of a tile that are stored together. */
  readonly groupRows: number;
}

export type TlType = 'TL1' | 'TL2';

/** The tiles of one build, by matrix shape. */
export interface TlTable {
  /** A preset or the path of a file. */
  readonly name: string;
  readonly find: (type: TlType, rows: number, cols: number) => Tile | undefined;
}

type Entry = readonly [m: number, k: number, bm: number, bk: number, bmm: number];

/** The tables that bitnet.cpp has for the models it names (preset_kernels). */
const presets: Readonly<Record<string, Readonly<Record<TlType, readonly Entry[]>>>> = {
  large: {
    TL1: [
      [1536, 4096, 256, 128, 32],
      [1536, 1536, 128, 64, 64],
      [4096, 1536, 256, 128, 32],
    ],
    TL2: [
      [1536, 4096, 256, 96, 32],
      [1536, 1536, 128, 192, 32],
      // The preset says 64, which its own converter refuses; setup_env.py has 32.
      [4096, 1536, 256, 96, 32],
    ],
  },
  '3b': {
    TL1: [
      [3200, 8640, 160, 64, 32],
      [3200, 3200, 320, 128, 64],
      [8640, 3200, 320, 64, 32],
    ],
    TL2: [
      [3200, 8640, 160, 96, 32],
      [3200, 3200, 320, 96, 32],
      [8640, 3200, 320, 96, 32],
    ],
  },
  'llama3-8b': {
    TL1: [
      [14336, 4096, 256, 128, 64],
      [4096, 14336, 256, 128, 32],
      [1024, 4096, 128, 64, 64],
      [4096, 4096, 128, 64, 32],
    ],
    TL2: [
      [14336, 4096, 256, 96, 32],
      [4096, 14336, 128, 96, 32],
      [1024, 4096, 256, 96, 32],
      [4096, 4096, 128, 96, 32],
    ],
  },
};

export const tlPresets = Object.keys(presets);

/** The presets that have a tile for a matrix. */
export function presetsWith(type: TlType, rows: number, cols: number): string[] {
  return tlPresets.filter((name) => presetTable(name).find(type, rows, cols) !== undefined);
}

/** A table has a few lines for each of a model's four or so shapes. */
const maxBytes = 64 * 1024;

/**
 * The table a caller names: a preset, or the path of the kernel_config.ini of the build that wrote
 * the model. `undefined` is no table.
 *
 * @throws ERR_BITNET_ARGUMENT when it is no string or the file is no such table, ERR_BITNET_FILE
 */
export async function readTlTable(name: unknown): Promise<TlTable | undefined> {
  if (name === undefined) return undefined;
  if (typeof name !== 'string' || name === '') {
    throw argumentError(`a preset (${tlPresets.join(', ')}) or a path`, 'option tlTable', name);
  }
  if (Object.hasOwn(presets, name)) return presetTable(name);
  const { handle, size } = await openFile(name).catch((error) => {
    throw error instanceof BitnetError && error.code === 'ERR_BITNET_FILE' ? notFound(name) : error;
  });
  try {
    if (size > maxBytes) throw faulty(name, `at most ${maxBytes} bytes long`, `${size} bytes`);
    return parseTlTable(name, await handle.readFile('utf8'));
  } catch (error) {
    throw error instanceof BitnetError ? error : unreadable(name, error as NodeJS.ErrnoException);
  } finally {
    await handle.close();
  }
}

/** The text of a kernel_config.ini: a section per shape with the keys m, k, bm, bk, bmm. */
export function parseTlTable(name: string, text: string): TlTable {
  const sections: Map<string, number>[] = [];
  text.split(/\r?\n/).forEach((raw, i) => {
    const line = raw.trim();
    if (line === '' || /^[#;]/.test(line)) return;
    if (/^\[.*\]$/.test(line)) {
      sections.push(new Map());
      return;
    }
    const [, key, value] = /^(\w+)\s*[=:]\s*(\d{1,7})$/.exec(line) ?? [];
    const section = sections.at(-1);
    if (key === undefined || section === undefined || section.has(key.toLowerCase())) {
      const expected = 'a [section] or, once in each, a line like "bm = 256"';
      throw faulty(`${name}, line ${i + 1},`, expected, quote(line));
    }
    section.set(key.toLowerCase(), Number(value));
  });
  const entries = sections.map((section, i): Entry => {
    const numbers = keys.map((key) => section.get(key));
    const absent = keys[numbers.indexOf(undefined)];
    if (absent !== undefined) {
      throw faulty(name, `sections with ${keys.join(', ')}`, `no ${absent} in section ${i + 1}`);
    }
    return numbers as unknown as Entry;
  });
  if (entries.length === 0) throw faulty(name, 'a section for each matrix shape', 'none');
  return { name, find: (_, rows, cols) => tileOf(entries, rows, cols) };
}

const keys = ['m', 'k', 'bm', 'bk', 'bmm'] as const;

/** Whether a tile can be of a matrix of this type; the same rules as in native/formats/tl1.cpp and tl2.cpp. */
export function tileFits(
  type: TlType,
  rows: number,
  cols: number,
  { rows: bm, cols: bk, groupRows }: Tile,
): boolean {
  if (bm < 1 || bk < 1 || rows % bm !== 0) return false;
  if (type === 'TL1') {
    const known = groupRows === 32 || groupRows === 64;
    return known && bm % groupRows === 0 && bk % (256 / groupRows) === 0 && cols % bk === 0;
  }
  const rest = cols % bk;
  const triples = cols - rest;
  const used = (rows * triples) / 6 + (rows * triples) / 24 + (rows * rest) / 4;
  const room = Math.floor(((cols - 256) * rows) / 3);
  const bytes = Math.floor((room * 5) / 8) + 64 * rows;
  return (
    cols >= 256 &&
    groupRows === 32 &&
    bm % 32 === 0 &&
    bk % 24 === 0 &&
    rest % 32 === 0 &&
    used <= Math.ceil(bytes / 32) * 32
  );
}

function presetTable(name: string): TlTable {
  return { name, find: (type, rows, cols) => tileOf(presets[name]![type], rows, cols) };
}

function tileOf(entries: readonly Entry[], rows: number, cols: number): Tile | undefined {
  const found = entries.find(([m, k]) => m === rows && k === cols);
  return found && { rows: found[2], cols: found[3], groupRows: found[4] };
}

function notFound(name: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_FILE',
    `Expected the table of TL tiles to be a preset (${tlPresets.join(', ')}) or the path of a kernel_config.ini, but there is no readable file at ${quote(name)}; check the name.`,
    { path: name },
  );
}

function faulty(name: string, expected: string, found: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected the table of TL tiles in ${name} to be ${expected}, but found ${found}; give the kernel_config.ini of the build that wrote the model.`,
    { option: 'tlTable' },
  );
}
