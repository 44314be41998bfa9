import { JinjaError } from './errors.js';

/** A piece of a template. */
export interface Token {
  /** `text` is outside of tags; `begin` and `end` are those of tags: `{%`, `{{`, `%}`, `}}`. */
  readonly type:
    | 'text'
    | 'begin'
    | 'end'
    | 'name'
    | 'string'
    | 'integer'
    | 'float'
    | 'operator'
    | 'eof';
  readonly value: string;
  readonly line: number;
}

export function syntaxError(message: string, line: number): JinjaError {
  return new JinjaError(`${message} (line ${line})`);
}

export function newlines(text: string): number {
  let count = 0;
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) count++;
  return count;
}
