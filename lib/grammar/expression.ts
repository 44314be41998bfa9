import type { CodeRanges } from './code-ranges.js';

/** What a grammar is made of, whatever it was written in. */
export type Expression =
  | { readonly type: 'text'; readonly text: string }
  /** One character. */
  | { readonly type: 'class'; readonly ranges: CodeRanges }
  /** One token of the vocabulary by its id or its text; negated: any other one. */
  | { readonly type: 'token'; readonly token: number | string; readonly negated: boolean }
  | { readonly type: 'sequence'; readonly items: readonly Expression[] }
  /** Of no items: matches nothing. */
  | { readonly type: 'choice'; readonly items: readonly Expression[] }
  /** `max` may be Infinity. */
  | {
      readonly type: 'repeat';
      readonly item: Expression;
      readonly min: number;
      readonly max: number;
    }
  | { readonly type: 'rule'; readonly name: string };

/** Rules by name; the first is where texts begin. */
export type Rules = ReadonlyMap<string, Expression>;

export const text = (value: string): Expression => ({ type: 'text', text: value });

export const oneOf = (ranges: CodeRanges): Expression => ({ type: 'class', ranges });

export const rule = (name: string): Expression => ({ type: 'rule', name });

export const sequence = (...items: readonly Expression[]): Expression => sequenceOf(items);

export function sequenceOf(items: readonly Expression[]): Expression {
  return items.length === 1 ? items[0]! : { type: 'sequence', items };
}

export function choice(items: readonly Expression[]): Expression {
  return items.length === 1 ? items[0]! : { type: 'choice', items };
}

export function repeat(item: Expression, min: number, max: number): Expression {
  return min === 1 && max === 1 ? item : { type: 'repeat', item, min, max };
}

export const optional = (item: Expression): Expression => repeat(item, 0, 1);
