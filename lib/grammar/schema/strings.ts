import { received } from '../../checks/options.js';
import { choice, type Expression, repeat } from '../expression.js';
import { formats } from './formats.js';
import { anyJsonCharacter, quoted } from './json-text.js';
import { leastIn, mostIn, type SchemaObject } from './keywords.js';
import { patternText } from './pattern.js';
import { below, type Pointer, schemaError } from './schema-error.js';

export function stringText(schema: SchemaObject, pointer: Pointer): Expression {
  const min = leastIn(schema, 'minLength', pointer);
  const max = mostIn(schema, 'maxLength', pointer);
  const pattern = patternOf(schema, pointer);
  if (min > max) return choice([]);
  if (pattern === undefined) return quoted(repeat(anyJsonCharacter, min, max));
  return quoted(patternText(pattern.source, pattern.pointer, { min, max }));
}

/** What `pattern` or `format` says, as a pattern. */
function patternOf(schema: SchemaObject, pointer: Pointer) {
  const { pattern, format } = schema;
  if (pattern !== undefined && format !== undefined) {
    throw schemaError(below(pointer, 'pattern'), 'one of pattern and format, but received both');
  }
  if (pattern !== undefined) {
    if (typeof pattern === 'string') return { source: pattern, pointer: below(pointer, 'pattern') };
    throw schemaError(
      below(pointer, 'pattern'),
      'a regular expression, but received something else',
    );
  }
  if (format === undefined) return undefined;
  const source = typeof format === 'string' ? formats.get(format) : undefined;
  if (source !== undefined) return { source, pointer: below(pointer, 'format') };
  throw schemaError(
    below(pointer, 'format'),
    `one of the formats ${[...formats.keys()].join(', ')}, but received ${received(format)}; leave it out or write a pattern`,
  );
}
