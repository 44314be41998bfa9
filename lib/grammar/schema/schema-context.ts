import type { Expression } from '../expression.js';
import type { JsonSchema } from './keywords.js';
import type { Pointer } from './schema-error.js';

/** What parts of a schema need of the whole. */
export interface SchemaContext {
  readonly root: JsonSchema;
  /** The values of a subschema. */
  value(schema: JsonSchema, pointer: Pointer): Expression;
  /** A rule of its own for what `make` gives, made once for each key; it may refer to itself. */
  named(key: string, name: string, make: () => Expression): Expression;
  /** A rule of its own: expressions in each other may not be nested as deeply as rules. */
  rule(name: string, expression: Expression): Expression;
  /** Another number with each call, for keys. */
  unique(): number;
}
