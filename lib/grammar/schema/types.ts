import { keywordsOf, type SchemaObject, type TypeName } from './keywords.js';
import { below, type Pointer, schemaError } from './schema-error.js';

const typeNames: readonly TypeName[] = [
  ...(['object', 'array', 'string', 'number', 'integer', 'boolean', 'null'] as const),
];

/** All types but 'integer', which is a kind of number. */
export const allTypes = typeNames.filter((name) => name !== 'integer');

/** The types a value may have: as said, else those its other keywords are about, else all. */
export function typesOf(schema: SchemaObject, pointer: Pointer): readonly TypeName[] {
  const said = saidTypes(schema, pointer);
  if (said) return said;
  const implied = allTypes.filter((type) =>
    keywordsOf[type]?.some((keyword) => Object.hasOwn(schema, keyword)),
  );
  return implied.length > 0 ? implied : allTypes;
}

/** What `type` says; undefined where it is absent. */
export function saidTypes(schema: SchemaObject, pointer: Pointer): readonly TypeName[] | undefined {
  const { type } = schema;
  if (type === undefined) return undefined;
  const names: unknown[] = Array.isArray(type) ? type : [type];
  const isKnown = names.every((name) => typeNames.includes(name as TypeName));
  if (isKnown && names.length > 0) {
    const found = [...new Set(names as TypeName[])];
    return found.includes('number') ? found.filter((name) => name !== 'integer') : found;
  }
  throw schemaError(
    below(pointer, 'type'),
    `one or several of the types ${typeNames.join(', ')}, but received something else`,
  );
}

/** The types that both lists have. */
export function commonTypes(a: readonly TypeName[], b: readonly TypeName[]): readonly TypeName[] {
  const has = (list: readonly TypeName[], name: TypeName) =>
    list.includes(name) || (name === 'integer' && list.includes('number'));
  return [...new Set([...a, ...b])].filter((name) => has(a, name) && has(b, name));
}

/** Whether a value is of one of the types. */
export function isOfType(value: unknown, types: readonly TypeName[]): boolean {
  return types.some((type) => {
    switch (type) {
      case 'null':
        return value === null;
      case 'array':
        return Array.isArray(value);
      case 'object':
        return typeof value === 'object' && value !== null && !Array.isArray(value);
      case 'integer':
        return Number.isInteger(value);
      default:
        return typeof value === type;
    }
  });
}
