import { type Command, Option } from 'commander';
import { BitnetError } from '../../lib/errors.js';
import type { GenerateOptions } from '../../lib/index.js';
import { fileName } from '../prompt.mjs';
import { fileOrText } from './text-arguments.mjs';

/** What the text must be; at most one of them. */
export interface GrammarOptions {
  grammar?: string;
  grammarFile?: string;
  jsonSchema?: string;
  jsonSchemaFile?: string;
}

const all: readonly (keyof GrammarOptions)[] = [
  ...(['grammar', 'grammarFile', 'jsonSchema', 'jsonSchemaFile'] as const),
];

export function grammarOptions(command: Command): void {
  const add = (name: keyof GrammarOptions, flags: string, description: string) => {
    const others = all.filter((other) => other !== name);
    command.addOption(new Option(flags, description).conflicts(others));
  };
  add('grammar', '--grammar <text>', 'a grammar (GBNF) that the text must fulfill');
  add('grammarFile', '--grammar-file <file>', 'file with the grammar');
  add('jsonSchema', '-j, --json-schema <json>', 'JSON that fulfills this schema');
  add('jsonSchemaFile', '--json-schema-file <file>', 'file with the schema');
}

/** As the library takes them. */
export type GrammarSettings = Partial<Pick<GenerateOptions, 'grammar' | 'jsonSchema'>>;

export async function grammarSettings(options: GrammarOptions): Promise<GrammarSettings> {
  const grammar = await fileOrText(options.grammarFile, options.grammar);
  const schema = await fileOrText(options.jsonSchemaFile, options.jsonSchema);
  if (schema === undefined) return grammar === undefined ? {} : { grammar };
  const file = options.jsonSchemaFile;
  return { jsonSchema: parsed(schema, file === undefined ? '--json-schema' : fileName(file)) };
}

function parsed(text: string, name: string): object {
  let schema: unknown;
  try {
    schema = JSON.parse(text);
  } catch (cause) {
    const reason = (cause as Error).message;
    throw new BitnetError(
      'ERR_BITNET_SCHEMA',
      `Expected ${name} to hold a JSON schema, but it is no JSON: ${reason}.`,
      { cause },
    );
  }
  if (schema !== null) return schema as object; // the library refuses what is none
  throw new BitnetError(
    'ERR_BITNET_SCHEMA',
    `Expected ${name} to hold a JSON schema (an object, true or false), but received null.`,
  );
}
