/** Families of programs that gave type ids different meanings. */
export type Origin = 'llama.cpp' | 'bitnet.cpp' | 'ik_llama.cpp';

/** How one tensor type is stored. */
export interface TensorType {
  readonly id: number;
  /** Its public name. */
  readonly name: string;
  /** Number of consecutive elements of a row that are stored together. */
  readonly block: number;
  /** Bytes of a tensor [rows, cols]; undefined when the type cannot hold such a shape. */
  readonly bytes: (rows: number, cols: number) => number | undefined;
  /** Set when only the name is known: the size is not, and `bytes` answers nothing. */
  readonly unsized?: true;
  /** The programs that use the id for this type; empty when the id has one meaning only. */
  readonly origins: readonly Origin[];
}

/** The types an id may mean, the most common first; empty for an unknown id. */
export function typesOf(id: number): readonly TensorType[] {
  return byId.get(id) ?? [];
}

/** The type with a public name; the first when it has had several ids. */
export function typeNamed(name: string): TensorType | undefined {
  return tensorTypes.find((type) => type.name === name);
}

/** Fixed-size blocks along each row. */
function blocks(
  id: number,
  name: string,
  block: number,
  blockBytes: number,
  ...origins: Origin[]
): TensorType {
  const bytes = (rows: number, cols: number) =>
    cols % block === 0 ? rows * (cols / block) * blockBytes : undefined;
  return { id, name, block, bytes, origins };
}

/** Blocks along each row, after a prefix per row that holds its scale. */
function rowBlocks(
  id: number,
  name: string,
  prefix: number,
  block: number,
  blockBytes: number,
): TensorType {
  const bytes = (rows: number, cols: number) =>
    cols % block === 0 ? rows * (prefix + (cols / block) * blockBytes) : undefined;
  return { id, name, block, bytes, origins: [] };
}

/** A type with a size formula of its own. */
function special(
  id: number,
  name: string,
  bytes: TensorType['bytes'],
  ...origins: Origin[]
): TensorType {
  return { id, name, block: 1, bytes, origins };
}

/** A retired type; only its name is known. */
function unsized(id: number, name: string): TensorType {
  return { ...special(id, name, () => undefined), unsized: true };
}

/** Four trits a byte over the whole tensor, row after row; then 32 bytes that begin with the f32 scale. */
const packedTrits: TensorType['bytes'] = (rows, cols) => Math.floor((rows * cols) / 4) + 32;

/**
 * Five bits per three trits for all but 256 columns, a nibble per two trits for these; rounded up
 * to 32 bytes; then 32 bytes that begin with the f32 scale.
 */
const tl2Bytes: TensorType['bytes'] = (rows, cols) => {
  if (cols < 256) return undefined;
  const threes = Math.floor((Math.floor(((cols - 256) * rows) / 3) * 5) / 8);
  const twos = Math.floor((Math.floor((256 * rows) / 2) * 4) / 8);
  return Math.ceil((threes + twos) / 32) * 32 + 32;
};

/** Rows in groups of four; otherwise as IQ2_BN. */
const iq2BnR4Bytes: TensorType['bytes'] = (rows, cols) =>
  rows % 4 === 0 && cols % 64 === 0 ? rows * (4 + cols / 4) : undefined;

const tensorTypes: readonly TensorType[] = [
  blocks(0, 'F32', 1, 4),
  blocks(1, 'F16', 1, 2),
  blocks(2, 'Q4_0', 32, 18),
  blocks(3, 'Q4_1', 32, 20),
  blocks(6, 'Q5_0', 32, 22),
  blocks(7, 'Q5_1', 32, 24),
  blocks(8, 'Q8_0', 32, 34),
  blocks(9, 'Q8_1', 32, 36),
  blocks(10, 'Q2_K', 256, 84),
  blocks(11, 'Q3_K', 256, 110),
  blocks(12, 'Q4_K', 256, 144),
  blocks(13, 'Q5_K', 256, 176),
  blocks(14, 'Q6_K', 256, 210),
  blocks(15, 'Q8_K', 256, 292),
  blocks(16, 'IQ2_XXS', 256, 66),
  blocks(17, 'IQ2_XS', 256, 74),
  blocks(18, 'IQ3_XXS', 256, 98),
  blocks(19, 'IQ1_S', 256, 50),
  blocks(20, 'IQ4_NL', 32, 18),
  blocks(21, 'IQ3_S', 256, 110),
  blocks(22, 'IQ2_S', 256, 82),
  blocks(23, 'IQ4_XS', 256, 136),
  blocks(24, 'I8', 1, 1),
  blocks(25, 'I16', 1, 2),
  blocks(26, 'I32', 1, 4),
  blocks(27, 'I64', 1, 8),
  blocks(28, 'F64', 1, 8),
  blocks(29, 'IQ1_M', 256, 56),
  blocks(30, 'BF16', 1, 2),
  blocks(31, 'Q4_0_4_4', 32, 18),
  blocks(32, 'Q4_0_4_8', 32, 18),
  blocks(33, 'Q4_0_8_8', 32, 18),
  blocks(34, 'TQ1_0', 256, 54),
  blocks(35, 'TQ2_0', 256, 66),
  special(36, 'I2_S', packedTrits, 'bitnet.cpp', 'ik_llama.cpp'),
  blocks(36, 'IQ4_NL_4_4', 32, 18, 'llama.cpp'),
  special(38, 'TL1', packedTrits),
  blocks(39, 'MXFP4', 32, 17, 'llama.cpp', 'ik_llama.cpp'),
  special(39, 'TL2', tl2Bytes, 'bitnet.cpp'),
  blocks(40, 'NVFP4', 64, 36),
  blocks(41, 'Q1_0', 128, 18),
  blocks(42, 'Q2_0', 64, 18, 'llama.cpp'),
  // PrismML's files from before llama.cpp had the type, in groups of 128.
  blocks(42, 'Q2_0_G128', 128, 34),
  special(42, 'TL2', tl2Bytes, 'bitnet.cpp'),
  // Sherry's type of 1.25 bits, which llama.cpp has not: ids of a pull request and of a fork.
  blocks(42, 'STQ1_0', 256, 42),
  blocks(43, 'STQ1_0', 256, 42),
  blocks(133, 'Q6_0', 32, 26),
  rowBlocks(134, 'IQ1_BN', 2, 64, 13),
  // Files of June to October 2024 keep the row scales in tensors of their own, named "….scale".
  blocks(134, 'IQ1_BN without scales', 64, 13),
  rowBlocks(135, 'IQ2_BN', 4, 64, 16),
  blocks(135, 'IQ2_BN without scales', 64, 16),
  blocks(142, 'PQ2_0', 128, 34),
  unsized(142, 'IQ2_TN'),
  blocks(143, 'PTQ1_0', 128, 28),
  unsized(143, 'IQ1_TN'),
  special(335, 'IQ2_BN_R4', iq2BnR4Bytes),
];

const byId = new Map<number, TensorType[]>();
for (const type of tensorTypes) byId.set(type.id, [...(byId.get(type.id) ?? []), type]);
