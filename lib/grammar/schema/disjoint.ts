import { canonicalText } from './canonical-text.js';
import { isObject, type JsonSchema, type SchemaObject } from './keywords.js';
import { referred } from './references.js';
import { allTypes, commonTypes, isOfType, saidTypes, typesOf } from './types.js';

/** Whether it is certain that no value fulfills both. */
export function areDisjoint(root: JsonSchema, a: JsonSchema, b: JsonSchema, depth = 4): boolean {
  const [one, other] = [resolved(root, a), resolved(root, b)];
  if (one === false || other === false) return true;
  if (one === true || other === true || depth === 0) return false;
  const values = [one, other].map(valuesOf);
  if (values[0] && values[1]) {
    const texts = new Set(values[1].map(canonicalText));
    return !values[0].some((value) => texts.has(canonicalText(value)));
  }
  if (values[0] ?? values[1]) {
    const types = saidTypes(values[0] ? other : one, '');
    return (
      types !== undefined && !(values[0] ?? values[1])!.some((value) => isOfType(value, types))
    );
  }
  // Keywords of one type say nothing about values of others: only types that are said tell schemas apart.
  const types = [one, other].map((schema) => saidTypes(schema, '') ?? allTypes);
  if (commonTypes(types[0]!, types[1]!).length === 0) return true;
  return [one, other].every(isOnlyObject) && differInProperty(root, one, other, depth);
}

/** Whether a property that both require has disjoint values. */
function differInProperty(
  root: JsonSchema,
  a: SchemaObject,
  b: SchemaObject,
  depth: number,
): boolean {
  const [ofA, ofB] = [a.properties, b.properties];
  if (!isObject(ofA) || !isObject(ofB)) return false;
  return requiredBy(a).some(
    (name) =>
      requiredBy(b).includes(name) &&
      Object.hasOwn(ofA, name) &&
      Object.hasOwn(ofB, name) &&
      areDisjoint(root, ofA[name] as JsonSchema, ofB[name] as JsonSchema, depth - 1),
  );
}

function isOnlyObject(schema: SchemaObject): boolean {
  const types = typesOf(schema, '');
  return types.length === 1 && types[0] === 'object';
}

function requiredBy({ required }: SchemaObject): readonly string[] {
  return Array.isArray(required) ? required.filter((name) => typeof name === 'string') : [];
}

function valuesOf(schema: SchemaObject): readonly unknown[] | undefined {
  if (Object.hasOwn(schema, 'const')) return [schema.const];
  return Array.isArray(schema.enum) ? schema.enum : undefined;
}

/** Through references that stand alone. */
function resolved(root: JsonSchema, schema: JsonSchema): JsonSchema {
  let found = schema;
  for (let i = 0; i < 20 && typeof found === 'object' && found.$ref !== undefined; i++) {
    found = referred(root, found.$ref, '').schema;
  }
  return found;
}
