import { readTensor } from '../../safetensors/read-tensor.js';
import type { PlannedTensor } from '../tensors/checkpoint.js';

/** Reads whole tensors in their order, each while the one before it is worked on. */
export class ReadAhead {
  readonly #signal: AbortSignal | undefined;
  /** Those that are read whole, in the order in which they are taken. */
  readonly #coming: PlannedTensor[];
  #next: Promise<Buffer> | undefined;

  constructor(planned: readonly PlannedTensor[], signal: AbortSignal | undefined) {
    this.#coming = planned.filter(({ kind, parts }) => kind !== 'embedding' && !parts);
    this.#signal = signal;
  }

  /** The data of the next tensor. */
  async take(planned: PlannedTensor): Promise<Buffer> {
    const next = this.#coming.shift();
    if (next !== planned) throw new Error(`${planned.name} is read out of turn`);
    const reading = this.#next ?? this.#read(planned);
    const bytes = await reading;
    const after = this.#coming[0];
    this.#next = after && this.#read(after);
    this.#next?.catch(() => {}); // whoever takes it hears of it
    return bytes;
  }

  #read({ source }: PlannedTensor): Promise<Buffer> {
    return readTensor(source, this.#signal ? { signal: this.#signal } : {});
  }
}
