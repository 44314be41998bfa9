import type { Expression } from './ast.js';
import { OperandParser } from './parse-operand.js';

/** Reads expressions, with the precedence and the associativity of Jinja's own parser. */
export class ExpressionParser extends OperandParser {
  override expression(): Expression {
    return this.stream.nested(() => this.#condition());
  }

  /** An expression in which `if` belongs to what is around it. */
  unconditional(): Expression {
    return this.stream.nested(() => this.#or());
  }

  #condition(): Expression {
    let then = this.#or();
    while (this.stream.skipName('if')) {
      const test = this.#or();
      const otherwise = this.stream.skipName('else') ? this.expression() : undefined;
      then = { kind: 'condition', test, then, otherwise };
    }
    return then;
  }

  #or(): Expression {
    let left = this.#and();
    while (this.stream.skipName('or')) {
      left = { kind: 'logic', operator: 'or', left, right: this.#and() };
    }
    return left;
  }

  #and(): Expression {
    let left = this.#not();
    while (this.stream.skipName('and')) {
      left = { kind: 'logic', operator: 'and', left, right: this.#not() };
    }
    return left;
  }

  #not(): Expression {
    if (!this.stream.skipName('not')) return this.#comparison();
    return { kind: 'unary', operator: 'not', operand: this.stream.nested(() => this.#not()) };
  }

  #comparison(): Expression {
    const first = this.#sum();
    const rest: { operator: string; right: Expression }[] = [];
    for (let operator = this.#comparator(); operator; operator = this.#comparator()) {
      rest.push({ operator, right: this.#sum() });
    }
    return rest.length === 0 ? first : { kind: 'compare', first, rest };
  }

  #comparator(): string | undefined {
    const stream = this.stream;
    if (stream.isOperator('==', '!=', '<', '<=', '>', '>=')) return stream.next().value;
    if (stream.skipName('in')) return 'in';
    if (!stream.isName('not', 'in')) return undefined;
    stream.next();
    stream.next();
    return 'not in';
  }

  #sum(): Expression {
    return this.#binary(['+', '-'], () => this.#concatenation());
  }

  #concatenation(): Expression {
    const items = [this.#product()];
    while (this.stream.skipOperator('~')) items.push(this.#product());
    return items.length === 1 ? items[0]! : { kind: 'concat', items };
  }

  #product(): Expression {
    return this.#binary(['*', '/', '//', '%'], () =>
      this.#binary(['**'], () => this.operand(true)),
    );
  }

  #binary(operators: readonly string[], operand: () => Expression): Expression {
    let left = operand();
    while (this.stream.isOperator(...operators)) {
      const operator = this.stream.next().value;
      left = { kind: 'binary', operator, left, right: operand() };
    }
    return left;
  }
}
