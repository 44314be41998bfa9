import { Readable } from 'node:stream';
import { ReadableStream as WebStream } from 'node:stream/web';

/** A generation, as far as its text is concerned. */
interface Pieces {
  next(): Promise<IteratorResult<{ readonly text: string }, unknown>>;
  return(): Promise<unknown>;
}

/** What a stream of Node.js has that its types, which nobody needs to install, would say. */
export interface TextReadable extends AsyncIterable<string> {
  pipe<Destination>(destination: Destination, options?: { readonly end?: boolean }): Destination;
  on(event: string, listener: (...args: never[]) => void): this;
  once(event: string, listener: (...args: never[]) => void): this;
  destroy(error?: Error): this;
  readonly destroyed: boolean;
}

/** The text of a generation as a web stream; `cancel` ends the generation. */
export function webStreamOf(generation: Pieces): ReadableStream<string> {
  const texts = textsOf(generation);
  const source = {
    async pull(controller: { enqueue(text: string): void; close(): void }) {
      const step = await texts.next();
      if (step.done) controller.close();
      else controller.enqueue(step.value);
    },
    cancel: () => texts.return().then(() => {}),
  };
  // Nothing is generated before somebody reads.
  return new WebStream<string>(source, { highWaterMark: 0 }) as ReadableStream<string>;
}

/** The text of a generation as a stream of Node.js; `destroy` ends the generation. */
export function nodeStreamOf(generation: Pieces): TextReadable {
  const texts = textsOf(generation);
  const iterable = { [Symbol.asyncIterator]: () => texts };
  return Readable.from(iterable, { objectMode: false, encoding: 'utf8' }) as TextReadable;
}

/** Pieces that have text, one after the other. */
function textsOf(generation: Pieces) {
  return {
    async next(): Promise<IteratorResult<string, undefined>> {
      for (;;) {
        const step = await generation.next();
        if (step.done) return { done: true, value: undefined };
        if (step.value.text !== '') return { done: false, value: step.value.text };
      }
    },
    async return(): Promise<IteratorReturnResult<undefined>> {
      await generation.return();
      return { done: true, value: undefined };
    },
  };
}
