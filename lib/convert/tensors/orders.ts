import type { CheckpointSizes } from '../config/sizes.js';

/** The row of the checkpoint for each row of the file. */
export type RowOrder = (row: number) => number;

/** How a tensor is arranged in the file, where that is not as in the checkpoint. */
export interface Arrangement {
  readonly order?: RowOrder;
  /** Blocks of so many columns, and which of the checkpoint is at the place of each. */
  readonly columns?: { readonly block: number; readonly order: RowOrder };
}

export const sameOrder: RowOrder = (row) => row;

/** Heads of queries and keys whose rows j and j + half become neighbors, for graphs that rotate those. */
export function rotatedHeads(
  part: string,
  { headDim }: Pick<CheckpointSizes, 'headDim'>,
): Arrangement {
  if (!/^attn_[qk]\.(weight|bias)$/.test(part)) return {};
  const order = (row: number) => {
    const inHead = row % headDim;
    return row - inHead + (inHead & 1) * (headDim / 2) + (inHead >> 1);
  };
  return { order };
}

/**
 * Value heads of recurrent layers. In checkpoints those that share a key head follow each other, in files they are as many heads
 * apart as there are key heads.
 */
export function valueHeads(part: string, { recurrent }: CheckpointSizes): Arrangement {
  if (recurrent === undefined) return {};
  const { nKeyHead, nValueHead, headDim } = recurrent;
  const shared = nValueHead / nKeyHead;
  const head = (at: number) => (at % nKeyHead) * shared + Math.floor(at / nKeyHead);
  const rows = (first: number) => (row: number) => {
    const at = row - first;
    return at < 0 ? row : first + head(Math.floor(at / headDim)) * headDim + (at % headDim);
  };
  switch (part) {
    case 'attn_qkv.weight':
    case 'ssm_conv1d.weight':
      return { order: rows(2 * nKeyHead * headDim) };
    case 'attn_gate.weight':
      return { order: rows(0) };
    case 'ssm_alpha.weight':
    case 'ssm_beta.weight':
    case 'ssm_dt.bias':
    case 'ssm_a':
      return { order: head };
    case 'ssm_out.weight':
      return { columns: { block: headDim, order: head } };
  }
  return {};
}

/** Puts blocks of columns in the order of the file, in place. */
export function arrangeColumns(
  bytes: Buffer,
  rowBytes: number,
  cols: number,
  { block, order }: NonNullable<Arrangement['columns']>,
): void {
  const blockBytes = (rowBytes / cols) * block;
  const row = Buffer.alloc(rowBytes);
  for (let begin = 0; begin < bytes.length; begin += rowBytes) {
    bytes.copy(row, 0, begin, begin + rowBytes);
    for (let at = 0; at < cols / block; at++) {
      const from = order(at) * blockBytes;
      row.copy(bytes, begin + at * blockBytes, from, from + blockBytes);
    }
  }
}
