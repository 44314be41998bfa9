import { ExpressionLexer } from './expression-lexer.js';
import { isSpace, stripEnd } from './text.js';
import { newlines, syntaxError, type Token } from './token.js';

/**
 * The tokens of a template, with the rules for white space that chat templates are written for: the
 * first newline after a block goes (trim_blocks), spaces before a block that begins its line go
 * (lstrip_blocks), a newline at the end goes; `-` strips all, `+` nothing.
 *
 * @throws JinjaError
 */
export function tokenize(template: string): Token[] {
  const source = template.replace(/\r\n?/g, '\n').replace(/\n$/, '');
  return new TemplateLexer(source).tokens();
}

class TemplateLexer {
  readonly #source: string;
  readonly #tokens: Token[] = [];
  #at = 0;
  #line = 1;

  constructor(source: string) {
    this.#source = source;
  }

  tokens(): Token[] {
    const source = this.#source;
    while (this.#at < source.length) {
      const start = this.#nextTag();
      if (start < 0) {
        this.#text(source.slice(this.#at));
        this.#at = source.length;
      } else if (source[start + 1] === '#') this.#comment(start);
      else if (source[start + 1] === '{') this.#tag(start, '}}');
      else if (!this.#raw(start)) this.#tag(start, '%}');
    }
    this.#push('eof', '');
    return this.#tokens;
  }

  /** Where the next `{%`, `{{` or `{#` is, or -1. */
  #nextTag(): number {
    for (let at = this.#at; ; at++) {
      at = this.#source.indexOf('{', at);
      if (at < 0 || '%{#'.includes(this.#source[at + 1] ?? ' ')) return at;
    }
  }

  /** Emits the text up to `end`, where a tag begins, and says where in the tag to go on. */
  #textBefore(end: number, isBlock: boolean): number {
    const { text, next } = this.#stripped(end, isBlock);
    this.#text(text, this.#source.slice(this.#at, end));
    return next;
  }

  #stripped(end: number, isBlock: boolean): { text: string; next: number } {
    const text = this.#source.slice(this.#at, end);
    const sign = this.#source[end + 2];
    if (sign === '-') return { text: stripEnd(text), next: end + 3 };
    if (sign === '+') return { text, next: end + 3 };
    const lineStart = text.lastIndexOf('\n') + 1;
    const begins = lineStart > 0 || this.#at === 0 || this.#source[this.#at - 1] === '\n';
    const blank = isBlock && begins && stripEnd(text.slice(lineStart)) === '';
    return { text: blank ? text.slice(0, lineStart) : text, next: end + 2 };
  }

  #text(text: string, source = text): void {
    if (text !== '') this.#push('text', text);
    this.#line += newlines(source);
  }

  #comment(start: number): void {
    const from = this.#textBefore(start, true);
    const end = this.#source.indexOf('#}', from);
    if (end < 0) throw syntaxError('Missing end of comment tag', this.#line);
    this.#line += newlines(this.#source.slice(start, end));
    // The sign belongs to the end of the tag, unless it is that of its beginning.
    this.#behindTag(end + 2, end > from ? this.#source[end - 1] : undefined, true);
  }

  /** `{% raw %}` to `{% endraw %}`; false when another tag begins at `start`. */
  #raw(start: number): boolean {
    const begin = /^\{%[-+]?\s*raw\s*(-?)%\}/.exec(this.#source.slice(start, start + rawTagLength));
    if (!begin) return false;
    this.#textBefore(start, true);
    this.#behindTag(start + begin[0].length, begin[1], false);
    const endTag = /\{%[-+]?\s*endraw\s*([-+]?)%\}/g;
    endTag.lastIndex = this.#at;
    const end = endTag.exec(this.#source);
    if (!end) throw syntaxError('Missing end of raw directive', this.#line);
    this.#textBefore(end.index, true);
    this.#behindTag(end.index + end[0].length, end[1], true);
    return true;
  }

  #tag(start: number, close: string): void {
    const isBlock = close === '%}';
    const from = this.#textBefore(start, isBlock);
    this.#push('begin', isBlock ? '{%' : '{{');
    const lexer = new ExpressionLexer(this.#source, from, this.#line);
    const sign = lexer.read(close, this.#tokens);
    this.#line = lexer.line;
    this.#push('end', close);
    this.#behindTag(lexer.at, sign, isBlock);
  }

  /** Continues after a tag that ends at `end` with `sign`. */
  #behindTag(end: number, sign: string | undefined, trimsNewline: boolean): void {
    this.#at = end;
    if (sign === '-') {
      while (isSpace(this.#source.charCodeAt(this.#at))) this.#at++;
    } else if (sign !== '+' && trimsNewline && this.#source[end] === '\n') this.#at++;
    this.#line += newlines(this.#source.slice(end, this.#at));
  }

  #push(type: Token['type'], value: string): void {
    this.#tokens.push({ type, value, line: this.#line });
  }
}

/** More than anyone writes between the brackets of `{% raw %}`; bounds the search for it. */
const rawTagLength = 100;
