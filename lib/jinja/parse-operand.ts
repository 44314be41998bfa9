import { integer } from './arithmetic.js';
import type { CallArguments, Expression, FilterExpression, Slice } from './ast.js';
import type { TokenStream } from './token-stream.js';
import { none, type Value } from './values.js';

/** What tells macros which of their special variables they mention. */
export type Mention = (name: string) => void;

/** Reads what operators stand between: names, literals and brackets, with all that follows them. */
export abstract class OperandParser {
  protected readonly stream: TokenStream;
  readonly #mention: Mention;

  constructor(stream: TokenStream, mention: Mention) {
    this.stream = stream;
    this.#mention = mention;
  }

  abstract expression(): Expression;

  /** One expression, or several with commas between: a tuple. */
  tuple(part: () => Expression = () => this.expression()): Expression {
    const stream = this.stream;
    const items = [part()];
    let isTuple = false;
    while (stream.skipOperator(',')) {
      isTuple = true;
      if (stream.isEnd() || stream.isOperator(')') || stream.isName('in')) break;
      items.push(part());
    }
    return isTuple ? { kind: 'tuple', items } : items[0]!;
  }

  /** With signs before it, and filters and tests after it. */
  protected operand(withFilters: boolean): Expression {
    const stream = this.stream;
    let operand: Expression;
    if (stream.isOperator('-', '+')) {
      const operator = stream.next().value as '-' | '+';
      operand = { kind: 'unary', operator, operand: stream.nested(() => this.operand(false)) };
    } else operand = this.primary();
    operand = this.#postfix(operand);
    return withFilters ? this.#filtersAndTests(operand) : operand;
  }

  /** A name, a literal, or something in brackets. */
  primary(): Expression {
    const stream = this.stream;
    const { type, value } = stream.current;
    if (type === 'operator') return this.#bracketed();
    if (type === 'name') {
      stream.next();
      const constant = constants.get(value);
      if (constant !== undefined) return { kind: 'constant', value: constant };
      this.#mention(value);
      return { kind: 'name', name: value };
    }
    if (type === 'integer') {
      stream.next();
      return { kind: 'constant', value: integer(Number(value)) };
    }
    if (type === 'float') {
      stream.next();
      return { kind: 'float', value: Number(value) };
    }
    if (type !== 'string') throw stream.unexpected('an expression');
    let text = '';
    while (stream.current.type === 'string') text += stream.next().value;
    return { kind: 'constant', value: text };
  }

  #bracketed(): Expression {
    const stream = this.stream;
    if (stream.skipOperator('(')) {
      if (stream.skipOperator(')')) return { kind: 'tuple', items: [] };
      const inside = this.tuple();
      stream.expectOperator(')');
      return inside;
    }
    if (stream.skipOperator('[')) {
      return { kind: 'list', items: this.#separated(']', () => this.expression()) };
    }
    if (!stream.skipOperator('{')) throw stream.unexpected('an expression');
    const pair = (): readonly [Expression, Expression] => {
      const key = this.expression();
      stream.expectOperator(':');
      return [key, this.expression()];
    };
    return { kind: 'dict', pairs: this.#separated('}', pair) };
  }

  #separated<T>(close: string, part: () => T): T[] {
    const parts: T[] = [];
    while (!this.stream.skipOperator(close)) {
      if (parts.length > 0) {
        this.stream.expectOperator(',');
        if (this.stream.skipOperator(close)) break;
      }
      parts.push(part());
    }
    return parts;
  }

  #postfix(operand: Expression): Expression {
    const stream = this.stream;
    let object = operand;
    for (;;) {
      if (stream.skipOperator('.')) object = this.#member(object);
      else if (stream.skipOperator('[')) object = { kind: 'item', object, key: this.#key() };
      else if (stream.isOperator('('))
        object = { kind: 'call', callee: object, args: this.callArguments() };
      else return object;
    }
  }

  #member(object: Expression): Expression {
    const { type, value } = this.stream.current;
    if (type !== 'integer') return { kind: 'attribute', object, name: this.stream.expectName() };
    this.stream.next();
    return { kind: 'item', object, key: { kind: 'constant', value: integer(Number(value)) } };
  }

  #key(): Expression | Slice {
    const keys = this.#separated(']', () => this.#subscript());
    if (keys.length === 1) return keys[0]!;
    if (keys.some(({ kind }) => kind === 'slice')) throw this.stream.unexpected('one slice');
    return { kind: 'tuple', items: keys as Expression[] };
  }

  #subscript(): Expression | Slice {
    const stream = this.stream;
    const bound = () => (stream.isOperator(':', ']', ',') ? undefined : this.expression());
    const start = bound();
    if (!stream.skipOperator(':')) {
      if (start === undefined) throw stream.unexpected('an expression');
      return start;
    }
    const stop = bound();
    const step = stream.skipOperator(':') ? bound() : undefined;
    return { kind: 'slice', start, stop, step };
  }

  #filtersAndTests(operand: Expression): Expression {
    const stream = this.stream;
    let value = operand;
    for (;;) {
      if (stream.isOperator('|')) value = this.filters(value)!;
      else if (stream.skipName('is')) value = this.#test(value);
      else if (stream.isOperator('('))
        value = { kind: 'call', callee: value, args: this.callArguments() };
      else return value;
    }
  }

  /** `| filter | filter …` after an operand, if there are any. */
  filters(operand: Expression | undefined): Expression | undefined {
    let value = operand;
    while (this.stream.skipOperator('|')) value = this.filter(value);
    return value;
  }

  filter(operand: Expression | undefined): FilterExpression {
    const name = this.#dottedName();
    const args = this.stream.isOperator('(') ? this.callArguments() : noArguments;
    return { kind: 'filter', operand, name, args };
  }

  #test(operand: Expression): Expression {
    const stream = this.stream;
    const negated = stream.skipName('not');
    const name = this.#dottedName();
    const test: Expression = { kind: 'test', operand, name, args: this.#testArguments() };
    return negated ? { kind: 'unary', operator: 'not', operand: test } : test;
  }

  /** In brackets, or one without. */
  #testArguments(): CallArguments {
    const stream = this.stream;
    if (stream.isOperator('(')) return this.callArguments();
    const { type, value } = stream.current;
    if (type === 'name' && ['else', 'or', 'and'].includes(value)) return noArguments;
    if (stream.isName('is')) throw stream.unexpected('no second test');
    const begins = type === 'name' || type === 'string' || type === 'integer' || type === 'float';
    if (!begins && !stream.isOperator('[', '{')) return noArguments;
    return { ...noArguments, positional: [this.#postfix(this.primary())] };
  }

  #dottedName(): string {
    let name = this.stream.expectName();
    while (this.stream.skipOperator('.')) name += `.${this.stream.expectName()}`;
    return name;
  }

  callArguments(): CallArguments {
    const stream = this.stream;
    const positional: Expression[] = [];
    const named: [string, Expression][] = [];
    let list: Expression | undefined;
    let mapping: Expression | undefined;
    stream.expectOperator('(');
    this.#separated(')', () => {
      if (mapping || (list && !stream.isNamed() && !stream.isOperator('**'))) {
        throw stream.unexpected('no further argument');
      }
      if (stream.skipOperator('*')) list = this.expression();
      else if (stream.skipOperator('**')) mapping = this.expression();
      else if (stream.isNamed()) {
        const name = stream.expectName();
        stream.expectOperator('=');
        named.push([name, this.expression()]);
      } else if (named.length > 0) throw stream.unexpected('a named argument');
      else positional.push(this.expression());
    });
    return { positional, named, list, mapping };
  }
}

const noArguments: CallArguments = {
  positional: [],
  named: [],
  list: undefined,
  mapping: undefined,
};

const constants: ReadonlyMap<string, Value> = new Map<string, Value>([
  ['true', true],
  ['True', true],
  ['false', false],
  ['False', false],
  ['none', none],
  ['None', none],
]);
