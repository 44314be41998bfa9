import { StopStrings } from './stop-strings.js';
import type { Tokenizer } from './types.js';

export interface TextStreamOptions {
  /**
   * Texts that end the stream, none of them empty; neither they nor what follows is given out.
   * @default []
   */
  readonly stop?: readonly string[];
  /**
   * Whether the ids begin a text rather than continue one, so that the space a SentencePiece
   * vocabulary puts before a text is taken away, as `decode` does.
   * @default false
   */
  readonly atStart?: boolean;
}

/**
 * Token ids ─► text that can be shown at once. A character whose bytes are spread over several
 * tokens is held back until it is whole, and text that may begin a stop string until that is clear.
 */
export class TextStream {
  readonly #tokenizer: Pick<Tokenizer, 'tokenBytes' | 'addSpacePrefix'>;
  readonly #decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  readonly #stop: StopStrings;
  #dropSpace: boolean;

  /** @throws ERR_BITNET_ARGUMENT when the stop strings were chosen to make the search slow */
  constructor(
    tokenizer: Pick<Tokenizer, 'tokenBytes' | 'addSpacePrefix'>,
    options: TextStreamOptions = {},
  ) {
    this.#tokenizer = tokenizer;
    this.#stop = new StopStrings(options.stop ?? []);
    this.#dropSpace = options.atStart === true && tokenizer.addSpacePrefix;
  }

  /** The stop string that was found; nothing is given out any more. */
  get stopped(): string | undefined {
    return this.#stop.found;
  }

  /** Takes the next token and returns the text that can now be shown. */
  push(id: number): string {
    let bytes = this.#tokenizer.tokenBytes(id);
    if (this.#dropSpace && bytes.length > 0) {
      if (bytes[0] === space) bytes = bytes.subarray(1);
      this.#dropSpace = false;
    }
    return this.#stop.push(this.#decoder.decode(bytes, { stream: true }));
  }

  /** Returns what was held back: no more tokens follow. Incomplete characters become U+FFFD. */
  flush(): string {
    return this.#stop.push(this.#decoder.decode()) + this.#stop.flush();
  }
}

const space = 0x20;
