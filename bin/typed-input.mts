import { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import type { ReadStream } from 'node:tty';

const marks = { begin: Buffer.from('\x1b[200~'), end: Buffer.from('\x1b[201~') };

/**
 * What is typed at a terminal, for a line editor. What is pasted, between the marks that terminals put
 * around it when they are asked to, does not go through the editor, which would take every newline for
 * Enter and every tab for a wish to complete: it comes whole.
 */
export class TypedInput extends Readable {
  readonly isTTY = true;
  readonly #source: ReadStream;
  readonly #decoder = new StringDecoder();
  readonly #onPaste: (text: string) => void;
  /** What came after the begin of a paste; undefined outside of one. */
  #pasted: Buffer | undefined;
  /** Whether anything came: what was typed before comes first. */
  #begun = false;
  /** The end of the last piece, where it may be the beginning of a mark. */
  #held: Buffer = Buffer.alloc(0);

  constructor(source: ReadStream, onPaste: (text: string) => void) {
    super();
    this.#source = source;
    this.#onPaste = onPaste;
    source.on('data', this.#take).on('end', this.#ended).on('error', this.#ended);
  }

  override _read(): void {}

  /** Called by the editor, which has the terminal to itself. */
  setRawMode(raw: boolean): this {
    this.#source.setRawMode(raw);
    return this;
  }

  override resume(): this {
    this.#source.resume();
    return super.resume();
  }

  override pause(): this {
    this.#source.pause();
    return super.pause();
  }

  /** Leaves the terminal to others. */
  release(): void {
    this.#source.pause();
    this.#source.off('data', this.#take).off('end', this.#ended).off('error', this.#ended);
  }

  readonly #ended = () => this.push(null);

  readonly #take = (chunk: Buffer) => {
    let bytes = Buffer.concat([this.#held, this.#begun ? chunk : withEnds(chunk)]);
    this.#begun = true;
    for (;;) {
      const mark = this.#pasted ? marks.end : marks.begin;
      const at = bytes.indexOf(mark);
      if (at === -1) break;
      this.#give(bytes.subarray(0, at));
      bytes = bytes.subarray(at + mark.length);
      if (this.#pasted) this.#onPaste(this.#pasted.toString());
      this.#pasted = this.#pasted ? undefined : Buffer.alloc(0);
    }
    const held = heldBytes(bytes, this.#pasted ? marks.end : marks.begin);
    this.#give(bytes.subarray(0, bytes.length - held));
    this.#held = bytes.subarray(bytes.length - held);
  };

  #give(bytes: Buffer): void {
    if (this.#pasted) this.#pasted = Buffer.concat([this.#pasted, bytes]);
    // One by one: Node's editor puts characters that come together at the end of the line.
    else for (const character of this.#decoder.write(bytes)) this.push(character);
  }
}

/** A Ctrl-D that was typed while the terminal was not ours: Linux keeps it as a zero. */
function withEnds(chunk: Buffer): Buffer {
  return chunk.map((byte) => (byte === 0 ? 4 : byte)) as Buffer;
}

/** How many bytes at the end may be the beginning of a mark; a lone Escape is a key. */
function heldBytes(bytes: Buffer, mark: Buffer): number {
  for (let length = Math.min(mark.length - 1, bytes.length); length > 1; length--) {
    if (bytes.subarray(bytes.length - length).equals(mark.subarray(0, length))) return length;
  }
  return 0;
}
