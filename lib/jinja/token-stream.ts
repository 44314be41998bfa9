import { type JinjaError, LimitError } from './errors.js';
import { maxNesting } from './limits.js';
import { syntaxError, type Token } from './token.js';

/** The tokens of a template, read one after the other. */
export class TokenStream {
  readonly #tokens: readonly Token[];
  #at = 0;
  #depth = 0;

  constructor(tokens: readonly Token[]) {
    this.#tokens = tokens;
  }

  get current(): Token {
    return this.#tokens[this.#at]!;
  }

  next(): Token {
    const token = this.current;
    if (token.type !== 'eof') this.#at++;
    return token;
  }

  /** Whether the next tokens are these names. */
  isName(...names: readonly string[]): boolean {
    return names.every((name, i) => {
      const token = this.#tokens[this.#at + i];
      return token?.type === 'name' && token.value === name;
    });
  }

  isOperator(...operators: readonly string[]): boolean {
    return this.current.type === 'operator' && operators.includes(this.current.value);
  }

  /** Whether `=` follows the next token. */
  isNamed(): boolean {
    const after = this.#tokens[this.#at + 1];
    return this.current.type === 'name' && after?.type === 'operator' && after.value === '=';
  }

  isEnd(): boolean {
    return this.current.type === 'end';
  }

  skipName(name: string): boolean {
    return this.isName(name) && this.next() !== undefined;
  }

  skipOperator(operator: string): boolean {
    return this.isOperator(operator) && this.next() !== undefined;
  }

  expectName(name?: string): string {
    if (this.current.type !== 'name' || (name !== undefined && this.current.value !== name)) {
      throw this.unexpected(name === undefined ? 'a name' : `"${name}"`);
    }
    return this.next().value;
  }

  expectOperator(operator: string): void {
    if (!this.skipOperator(operator)) throw this.unexpected(`"${operator}"`);
  }

  /** The end of a tag. */
  expectEnd(): void {
    if (!this.isEnd()) throw this.unexpected('the end of the tag');
    this.next();
  }

  unexpected(expected: string): JinjaError {
    const { type, value, line } = this.current;
    const found =
      type === 'eof' ? 'the end of the template' : type === 'text' ? 'text' : `"${value}"`;
    return syntaxError(`expected ${expected}, got ${found}`, line);
  }

  /** `parse`, one level deeper. */
  nested<T>(parse: () => T): T {
    this.#depth++;
    if (this.#depth > maxNesting) throw new LimitError(`nests over ${maxNesting} levels deep`);
    const result = parse();
    this.#depth--;
    return result;
  }
}
