/** A message, and whether it was written plainly: only then a slash at its beginning is a command. */
export interface Message {
  readonly text: string;
  readonly plain: boolean;
}

/** What comes from a person or a pipe: a message, Ctrl-C on an empty line, or the end. */
export type Input = Message | 'interrupt' | 'end';

const quotes = '"""';

/**
 * Puts lines together to messages: a backslash at the end of a line goes on to the next one, and
 * what stands between two `"""` is one message as it is.
 */
export class MessageLines {
  #lines: string[] = [];
  #quoted = false;

  /** Whether a message has begun and is not complete. */
  get open(): boolean {
    return this.#quoted || this.#lines.length > 0;
  }

  /** Takes a line and returns the message that it completes, if it does. */
  push(line: string): Message | undefined {
    if (this.#quoted) return this.#inQuotes(line);
    if (this.#lines.length === 0 && line.trimStart().startsWith(quotes)) {
      this.#quoted = true;
      return this.#inQuotes(line.trimStart().slice(quotes.length), true);
    }
    if (/(^|[^\\])(\\\\)*\\$/.test(line)) {
      this.#lines.push(line.slice(0, -1));
      return undefined;
    }
    return this.#complete(line, this.#lines.length === 0);
  }

  /** The message that has begun, as far as it came: no more lines follow. */
  flush(): Message | undefined {
    if (!this.open) return undefined;
    const text = this.#lines.join('\n');
    this.clear();
    return text === '' ? undefined : { text, plain: false };
  }

  clear(): void {
    this.#lines = [];
    this.#quoted = false;
  }

  #inQuotes(line: string, first = false): Message | undefined {
    const end = line.trimEnd();
    if (end.endsWith(quotes)) {
      const last = end.slice(0, -quotes.length);
      return last === '' && !first ? this.#complete(undefined, false) : this.#complete(last, false);
    }
    if (!first || line !== '') this.#lines.push(line);
    return undefined;
  }

  #complete(last: string | undefined, plain: boolean): Message {
    const lines = last === undefined ? this.#lines : [...this.#lines, last];
    this.clear();
    return { text: lines.join('\n'), plain };
  }
}
