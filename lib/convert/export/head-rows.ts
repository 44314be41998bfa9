import type { RowOrder } from '../tensors/orders.js';

/**
 * Moves rows to where a checkpoint has them, head by head; a part of a head and one chunk are in memory.
 *
 * @param order the row of the checkpoint for each row of the file, within the same head
 */
export async function* reorderedHeads(
  chunks: AsyncIterable<Uint8Array>,
  { rowBytes, headRows, order }: { rowBytes: number; headRows: number; order: RowOrder },
): AsyncGenerator<Uint8Array, void, undefined> {
  const headBytes = rowBytes * headRows;
  let rest = new Uint8Array();
  for await (const chunk of chunks) {
    const bytes = Buffer.concat([rest, chunk]);
    const whole = bytes.length - (bytes.length % headBytes);
    rest = new Uint8Array(bytes.subarray(whole));
    if (whole === 0) continue;
    const moved = Buffer.allocUnsafe(whole);
    for (let row = 0; row < whole / rowBytes; row++) {
      bytes.copy(moved, order(row) * rowBytes, row * rowBytes, (row + 1) * rowBytes);
    }
    yield moved;
  }
}
