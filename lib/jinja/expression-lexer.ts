import { newlines, syntaxError, type Token } from './token.js';

/** Reads what is inside of one tag. */
export class ExpressionLexer {
  readonly #source: string;
  /** Where the next token begins. */
  at: number;
  line: number;

  constructor(source: string, at: number, line: number) {
    this.#source = source;
    this.at = at;
    this.line = line;
  }

  /** Adds the tokens before `close` to `tokens`; the result is the sign before it: `-`, `+` or none. */
  read(close: string, tokens: Token[]): string | undefined {
    const brackets: string[] = [];
    for (;;) {
      this.#match(/\s*/y);
      if (this.at >= this.#source.length) throw this.#error(`unexpected end, expected "${close}"`);
      const sign = brackets.length === 0 ? this.#close(close) : undefined;
      if (sign !== undefined) return sign || undefined;
      const token = this.#token();
      if (token.type === 'operator') this.#balance(token.value, brackets);
      tokens.push(token);
    }
  }

  /** Moves past `close` if it is next, with its sign. */
  #close(close: string): string | undefined {
    const sign = this.#source[this.at];
    const signs = close === '%}' ? '-+' : '-';
    if (signs.includes(sign!) && this.#source.startsWith(close, this.at + 1)) {
      this.at += 3;
      return sign;
    }
    if (!this.#source.startsWith(close, this.at)) return undefined;
    this.at += 2;
    return '';
  }

  #token(): Token {
    const { line } = this;
    for (const [type, pattern] of patterns) {
      const text = this.#match(pattern);
      if (text === undefined) continue;
      if (type === 'string') return { type, value: this.#unescaped(text.slice(1, -1)), line };
      if (type === 'operator' || type === 'name') return { type, value: text, line };
      return { type, value: text.replaceAll('_', ''), line };
    }
    throw this.#error(
      `unexpected character "${String.fromCodePoint(this.#source.codePointAt(this.at)!)}"`,
    );
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.at;
    const text = pattern.exec(this.#source)?.[0];
    if (text === undefined) return undefined;
    this.at += text.length;
    this.line += newlines(text);
    return text;
  }

  #balance(operator: string, brackets: string[]): void {
    const closing = closers.get(operator);
    if (closing !== undefined) brackets.push(closing);
    else if (operator === ')' || operator === ']' || operator === '}') {
      const expected = brackets.pop();
      if (expected !== operator) {
        throw this.#error(`unexpected "${operator}"${expected ? `, expected "${expected}"` : ''}`);
      }
    }
  }

  /** Escapes as in Python; unknown ones are kept unchanged. */
  #unescaped(text: string): string {
    return text.replace(escapes, (all, code: string) => {
      const known = escaped.get(code);
      if (known !== undefined) return known;
      if ('xuUN'.includes(code[0]!)) {
        const point = code.length > 1 ? Number.parseInt(code.slice(1), 16) : Number.NaN;
        if (point <= 0x10ffff) return String.fromCodePoint(point);
        throw this.#error(`invalid escape "${all}"`);
      }
      return /^[0-7]/.test(code) ? String.fromCodePoint(Number.parseInt(code, 8)) : all;
    });
  }

  #error(message: string) {
    return syntaxError(message, this.line);
  }
}

const patterns: readonly (readonly [Token['type'], RegExp])[] = [
  ['float', /(?<!\.)\d+(?:_\d+)*(?:(?:\.\d+(?:_\d+)*)?[eE][+-]?\d+(?:_\d+)*|\.\d+(?:_\d+)*)/y],
  [
    'integer',
    /0[bB](?:_?[01])+|0[oO](?:_?[0-7])+|0[xX](?:_?[\da-fA-F])+|[1-9](?:_?\d)*|0(?:_?0)*/y,
  ],
  ['name', /[\p{ID_Start}_][\p{ID_Continue}]*/uy],
  ['string', /'[^'\\]*(?:\\[\s\S][^'\\]*)*'|"[^"\\]*(?:\\[\s\S][^"\\]*)*"/y],
  ['operator', /\*\*|\/\/|==|!=|>=|<=|[-+*/%~[\](){}<>=.:|,;]/y],
];

const closers: ReadonlyMap<string, string> = new Map([
  ['(', ')'],
  ['[', ']'],
  ['{', '}'],
]);

const escapes = /\\(x[0-9a-fA-F]{2}|u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[0-7]{1,3}|[\s\S])/g;

const escaped: ReadonlyMap<string, string> = new Map([
  ['\n', ''],
  ['\\', '\\'],
  ["'", "'"],
  ['"', '"'],
  ['a', '\x07'],
  ['b', '\b'],
  ['f', '\f'],
  ['n', '\n'],
  ['r', '\r'],
  ['t', '\t'],
  ['v', '\v'],
]);
