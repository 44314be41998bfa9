import { Interpreter, type Node, type Scope, type Value } from './jinja.js';
import { maxSteps, maxValueSize } from './limits.js';
import { resultSizes } from './operation-size.js';
import { LimitError } from './template-errors.js';
import { ValueSizes } from './value-sizes.js';

/**
 * Runs a template within limits of steps and of the size of values; see limits.ts. Every node passes
 * through `evaluate`, where steps are counted and results measured. The few operations whose result
 * can be far larger than their operands are measured before they run.
 */
export class BoundedInterpreter extends Interpreter {
  #steps = 0;
  readonly #sizes = new ValueSizes();

  override evaluate(node: Node | undefined, scope: Scope): Value {
    if (node?.type === constantType) return node.value as Value;
    const value = this.#evaluate(node, scope);
    this.#sizes.measure(value);
    this.#steps += 1 + this.#made(node, value);
    if (this.#steps > maxSteps) throw new LimitError(`takes over ${maxSteps} steps`);
    return value;
  }

  /** Steps for what a node makes; variables and their elements exist already. */
  #made(node: Node | undefined, result: Value | undefined): number {
    const value = result?.value;
    if (typeof value === 'string') return value.length >> 6;
    if (node?.type === 'Identifier' || node?.type === 'MemberExpression') return 0;
    return Array.isArray(value) ? value.length : 0;
  }

  #evaluate(node: Node | undefined, scope: Scope): Value {
    switch (node?.type) {
      case 'FilterStatement': {
        const body = super.evaluate({ type: 'Program', body: node.body }, scope);
        return this.#filter(constant(body), node.filter as Node, scope);
      }
      case 'FilterExpression':
        return this.#filter(node.operand as Node, node.filter as Node, scope);
      case 'CallExpression':
        return this.#call(node, scope);
      case 'MemberExpression':
        return this.#member(node, scope);
      default:
        return super.evaluate(node, scope);
    }
  }

  #filter(operand: Node, filter: Node, scope: Scope): Value {
    const call = filter.type === 'CallExpression';
    const name = (call ? (filter.callee as Node) : filter).value as string;
    const value = this.evaluate(operand, scope);
    if (!resultSizes.has(name)) {
      return super.evaluate({ type: 'FilterExpression', operand: constant(value), filter }, scope);
    }
    const args = this.#arguments(call ? (filter.args as Node[]) : [], scope);
    this.#check(name, value, args);
    const checked = call ? { ...filter, args: args.nodes } : filter;
    return super.evaluate(
      { type: 'FilterExpression', operand: constant(value), filter: checked },
      scope,
    );
  }

  #call(node: Node, scope: Scope): Value {
    const callee = node.callee as Node;
    const name = (callee.property as Node | undefined)?.value as string;
    if (callee.type !== 'MemberExpression' || callee.computed || !resultSizes.has(name)) {
      return super.evaluate(node, scope);
    }
    const operand = this.evaluate(callee.object as Node, scope);
    const args = this.#arguments(node.args as Node[], scope);
    this.#check(name, operand, args);
    const method = super.evaluate({ ...callee, object: constant(operand) }, scope);
    return super.evaluate({ ...node, callee: constant(method), args: args.nodes }, scope);
  }

  /** Such a method under another name could not be measured before it runs. */
  #member(node: Node, scope: Scope): Value {
    const value = super.evaluate(node, scope);
    if (value.type !== 'FunctionValue') return value;
    const object = this.evaluate(node.object as Node, scope);
    if (typeof object.value !== 'string') return value;
    const property = node.property as Node;
    const name = node.computed ? this.evaluate(property, scope).value : property.value;
    if (resultSizes.has(name as string)) {
      throw new LimitError(`uses the method "${name}" other than to call it directly`);
    }
    return value;
  }

  /** Throws when the result of a filter or method would be too large. */
  #check(name: string, operand: Value, args: Arguments): void {
    const measured = this.#sizes.measure(operand);
    const size = resultSizes.get(name)!({ operand, ...measured, ...args });
    if (size > maxValueSize) {
      throw new LimitError(`makes a text of over ${maxValueSize} characters by "${name}"`);
    }
  }

  /** Evaluates arguments, once: they come back as nodes that stand for their values. */
  #arguments(args: readonly Node[], scope: Scope): Arguments {
    const positional: Value[] = [];
    const named = new Map<string, Value>();
    const nodes = args.map((node): Node => {
      const field = wrappedField(node);
      const value = this.evaluate(field === undefined ? node : (node[field] as Node), scope);
      if (field === undefined) positional.push(value);
      else if (node.type === 'KeywordArgumentExpression') {
        named.set((node.key as Node).value as string, value);
      } else throw new LimitError('spreads a list over the arguments of a text operation');
      return field === undefined ? constant(value) : { ...node, [field]: constant(value) };
    });
    return { positional, named, nodes };
  }
}

/** Evaluated arguments of a filter or method. */
interface Arguments {
  readonly positional: readonly Value[];
  readonly named: ReadonlyMap<string, Value>;
  /** What to pass on: nodes that stand for the values. */
  readonly nodes: readonly Node[];
}

const constantType = 'Constant';

/** A node that stands for a value already evaluated. */
function constant(value: Value): Node {
  return { type: constantType, value };
}

/** The field of an argument node that holds the expression, when it is wrapped. */
function wrappedField(node: Node): string | undefined {
  if (node.type === 'KeywordArgumentExpression') return 'value';
  return node.type.endsWith('SpreadExpression') ? 'argument' : undefined;
}
