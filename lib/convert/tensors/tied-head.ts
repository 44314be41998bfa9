import type { Decision } from '../../decision.js';
import { quote } from '../../gguf/malformed.js';
import { readRows } from '../../safetensors/read-tensor.js';
import type { SafetensorsTensor } from '../../safetensors/types.js';
import type { Checkpoint, PlannedTensor } from './checkpoint.js';
import { headName } from './names.js';

/**
 * What is to be said of a head that is left out because the embedding is the head: that it is another one, if it is.
 *
 * @throws errors of reading
 */
export async function tiedHeadDecision(
  { tensors, parameters }: Checkpoint,
  planned: readonly PlannedTensor[],
  reading: { readonly signal?: AbortSignal },
): Promise<Decision | undefined> {
  const embedding = planned.find(({ name }) => name === 'token_embd.weight');
  if (!parameters.tied || embedding === undefined) return undefined;
  for (const [name, head] of tensors) {
    if (!name.endsWith(headName) || (await sameNumbers(head, embedding.source, reading))) continue;
    const reason = `tie_word_embeddings is true; ${quote(name)}, which has other numbers, is left out`;
    return { subject: 'head', choice: 'the embedding', reason, warning: true };
  }
  return undefined;
}

/** Whether two tensors have the same bytes; pieces of both are in memory. */
async function sameNumbers(
  a: SafetensorsTensor,
  b: SafetensorsTensor,
  reading: { readonly signal?: AbortSignal },
): Promise<boolean> {
  if (a.dtype !== b.dtype || `${a.shape}` !== `${b.shape}`) return false;
  const others = readRows(b, { ...reading, pieceBytes });
  try {
    for await (const { bytes } of readRows(a, { ...reading, pieceBytes })) {
      const other = await others.next();
      if (other.done || !bytes.equals(other.value.bytes)) return false;
    }
    return true;
  } finally {
    await others.return(undefined);
  }
}

const pieceBytes = 2 ** 22;
