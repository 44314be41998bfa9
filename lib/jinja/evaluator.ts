import { arithmetic, negated } from './arithmetic.js';
import type { CallArguments, Expression, FilterExpression, Slice } from './ast.js';
import type { Budget } from './budget.js';
import { JinjaError, LimitError } from './errors.js';
import { filters } from './filters.js';
import { maxCallDepth } from './limits.js';
import { attribute, item, sliced } from './members.js';
import { compare, contains, equal, iterate, truthy } from './protocol.js';
import type { Runtime } from './runtime.js';
import type { Scope } from './scope.js';
import { tests } from './tests.js';
import {
  type Arguments,
  Dict,
  Float,
  Instance,
  Tuple,
  typeName,
  Undefined,
  type Value,
} from './values.js';
import { str, Writer } from './write.js';

/** Computes expressions. All of them go through `evaluate`, which charges the budget. */
export class Evaluator implements Runtime {
  readonly budget: Budget;
  #depth = 0;

  constructor(budget: Budget) {
    this.budget = budget;
  }

  filter(name: string, value: Value, args: Arguments): Value {
    const run = filters.get(name);
    if (!run) throw new JinjaError(`No filter named '${name}'.`);
    this.budget.spend(1);
    return run(value, args, this);
  }

  test(name: string, value: Value, args: Arguments): boolean {
    const run = tests.get(name);
    if (!run) throw new JinjaError(`No test named '${name}'.`);
    this.budget.spend(1);
    return run(value, args, this.budget);
  }

  evaluate(node: Expression, scope: Scope): Value {
    this.budget.spend(1);
    this.enter();
    const value = this.#evaluate(node, scope);
    this.leave();
    return value;
  }

  /** Before something that may hold more of its kind. @throws LimitError */
  enter(): void {
    this.#depth++;
    if (this.#depth > maxCallDepth) throw new LimitError(`nests over ${maxCallDepth} levels deep`);
  }

  /** Behind it. */
  leave(): void {
    this.#depth--;
  }

  #evaluate(node: Expression, scope: Scope): Value {
    const { budget } = this;
    switch (node.kind) {
      case 'constant':
        return node.value;
      case 'float':
        return new Float(node.value);
      case 'name':
        return scope.get(node.name);
      case 'list':
        return this.#all(node.items, scope);
      case 'tuple':
        return new Tuple(this.#all(node.items, scope));
      case 'dict':
        return this.#dict(node.pairs, scope);
      case 'concat':
        return this.#concatenated(node.items, scope);
      case 'attribute':
        return attribute(this.evaluate(node.object, scope), node.name, budget);
      case 'item':
        return this.#item(this.evaluate(node.object, scope), node.key, scope);
      case 'call':
        return this.call(this.evaluate(node.callee, scope), this.arguments(node.args, scope));
      case 'filter':
        return this.applied(node, '', scope);
      case 'test':
        return this.test(
          node.name,
          this.evaluate(node.operand, scope),
          this.arguments(node.args, scope),
        );
      case 'unary': {
        const operand = this.evaluate(node.operand, scope);
        return node.operator === 'not' ? !truthy(operand) : negated(operand, node.operator);
      }
      case 'binary': {
        const left = this.evaluate(node.left, scope);
        return arithmetic(node.operator, left, this.evaluate(node.right, scope), budget);
      }
      case 'logic': {
        const left = this.evaluate(node.left, scope);
        return truthy(left) === (node.operator === 'or') ? left : this.evaluate(node.right, scope);
      }
      case 'compare':
        return this.#compared(node.first, node.rest, scope);
      case 'condition':
        if (truthy(this.evaluate(node.test, scope))) return this.evaluate(node.then, scope);
        if (node.otherwise) return this.evaluate(node.otherwise, scope);
        return new Undefined('an inline if evaluated to false, and it has no else');
    }
  }

  #all(items: readonly Expression[], scope: Scope): Value[] {
    return items.map((part) => this.evaluate(part, scope));
  }

  #dict(pairs: readonly (readonly [Expression, Expression])[], scope: Scope): Dict {
    const dict = new Dict();
    for (const [keyNode, value] of pairs) {
      const key = this.evaluate(keyNode, scope);
      if (typeof key === 'string') this.budget.spendText(key.length);
      dict.set(key, this.evaluate(value, scope));
    }
    return dict;
  }

  #concatenated(items: readonly Expression[], scope: Scope): string {
    const out = new Writer(this.budget);
    for (const part of items) out.add(str(this.evaluate(part, scope), this.budget));
    return out.text;
  }

  #item(object: Value, key: Expression | Slice, scope: Scope): Value {
    if (key.kind !== 'slice') return item(object, this.evaluate(key, scope), this.budget);
    const bounds = [key.start, key.stop, key.step].map(
      (bound) => bound && this.evaluate(bound, scope),
    );
    return sliced(object, bounds, this.budget);
  }

  /** Each is compared with the one before it, up to the first that does not hold. */
  #compared(
    first: Expression,
    rest: readonly { readonly operator: string; readonly right: Expression }[],
    scope: Scope,
  ): boolean {
    let left = this.evaluate(first, scope);
    for (const { operator, right: node } of rest) {
      const right = this.evaluate(node, scope);
      if (!this.#holds(operator, left, right)) return false;
      left = right;
    }
    return true;
  }

  #holds(operator: string, left: Value, right: Value): boolean {
    const { budget } = this;
    if (operator === '==') return equal(left, right, budget);
    if (operator === '!=') return !equal(left, right, budget);
    if (operator === 'in') return contains(right, left, budget);
    if (operator === 'not in') return !contains(right, left, budget);
    const order = compare(left, right, operator, budget);
    if (operator === '<') return order < 0;
    if (operator === '<=') return order <= 0;
    return operator === '>' ? order > 0 : order >= 0;
  }

  /** @param block what the block holds whose filter has no operand */
  applied(node: FilterExpression, block: string, scope: Scope): Value {
    const { operand } = node;
    this.enter();
    const value =
      operand === undefined
        ? block
        : operand.kind === 'filter'
          ? this.applied(operand, block, scope)
          : this.evaluate(operand, scope);
    const result = this.filter(node.name, value, this.arguments(node.args, scope));
    this.leave();
    return result;
  }

  arguments(args: CallArguments, scope: Scope): Arguments {
    const positional = this.#all(args.positional, scope);
    if (args.list) {
      // Not spread into a call: a list may not fit on the stack.
      for (const value of iterate(this.evaluate(args.list, scope), this.budget))
        positional.push(value);
    }
    const named = new Map<string, Value>();
    for (const [name, value] of args.named) named.set(name, this.evaluate(value, scope));
    if (args.mapping) {
      const mapping = this.evaluate(args.mapping, scope);
      if (!(mapping instanceof Dict)) {
        throw new JinjaError(`argument after ** must be a mapping, not ${typeName(mapping)}`);
      }
      this.budget.spendList(mapping.size);
      for (const [key, value] of mapping.entries()) {
        if (typeof key !== 'string') throw new JinjaError('keywords must be strings');
        named.set(key, value);
      }
    }
    return { positional, named };
  }

  call(callee: Value, args: Arguments): Value {
    if (callee instanceof Undefined) throw new JinjaError(callee.message);
    if (!(callee instanceof Instance) || !callee.call) {
      throw new JinjaError(`'${typeName(callee)}' object is not callable`);
    }
    return callee.call(args);
  }
}
