import { quote } from '../../gguf/malformed.js';
import {
  isArray,
  isObject,
  type JsonObject,
  type JsonValue,
  kindOf,
} from '../../json/json-value.js';
import { maxEndTokens } from '../../tokenizer/limits.js';
import type { Vocabulary } from './vocabulary.js';

/** The files of a checkpoint that name special tokens. */
export interface Settings {
  /** config.json */
  readonly config: JsonObject;
  /** generation_config.json */
  readonly generation: JsonObject;
  /** tokenizer_config.json, with what special_tokens_map.json has besides. */
  readonly tokenizer: JsonObject;
}

const roles = ['bos', 'eos', 'unk', 'sep', 'pad', 'cls', 'mask'] as const;
export type Role = (typeof roles)[number];

/** What a model file says of special tokens. */
export interface SpecialTokenIds {
  readonly ids: ReadonlyMap<Role, number>;
  /** Every token that ends a text, that of role eos first. */
  readonly stops: readonly number[];
  readonly addBos: boolean;
  readonly addEos: boolean;
  readonly notes: readonly string[];
}

/**
 * The ids of special tokens by llama.cpp's precedence: tokenizer_config.json, config.json, then what it
 * does not read, generation_config.json and the tokenizer itself.
 */
export function specialTokenIds(vocabulary: Vocabulary, settings: Settings): SpecialTokenIds {
  const notes: string[] = [];
  const { ends } = vocabulary;
  const named = namedTokens(settings.tokenizer, vocabulary, notes);
  const listed = (from: JsonObject, role: Role) => idsOf(from, role, vocabulary, notes);
  const ids = new Map<Role, number>();
  const alternatives = new Set<number>();
  for (const role of roles) {
    const found = [
      ...(named.get(role) ?? []),
      ...listed(settings.config, role),
      ...listed(settings.generation, role),
    ];
    if (role === 'bos' || role === 'eos' || role === 'unk' || role === 'pad') {
      const own = ends.ids?.[role];
      if (own !== undefined && found.length === 0 && own < vocabulary.texts.length) found.push(own);
    }
    if (found.length > 0) ids.set(role, found[0]!);
    if (role === 'eos') for (const id of found) alternatives.add(id);
  }
  const first = endToken(vocabulary, ends.first, 'first', notes);
  const last = endToken(vocabulary, ends.last, 'last', notes);
  if (first !== undefined && !ids.has('bos')) ids.set('bos', first);
  // As in llama.cpp: a text ends with the token of this role, and a turn with another.
  if (last !== undefined) ids.set('eos', last);
  const eos = ids.get('eos');
  const stops = [...new Set([...(eos === undefined ? [] : [eos]), ...alternatives])];
  if (stops.length > maxEndTokens) stops.length = maxEndTokens;
  const adds = (key: string, role: Role, own: boolean) => {
    const said = settings.tokenizer[key];
    return (typeof said === 'boolean' ? said : own) && ids.has(role);
  };
  const usual = vocabulary.model === 'llama' && ends.first === undefined;
  const beginsWithOther = first !== undefined && first !== ids.get('bos');
  if (beginsWithOther) {
    notes.push(`begin token: ${quote(ends.first ?? '')} is put before texts elsewhere, not here`);
  }
  return {
    ids,
    stops,
    addBos: adds('add_bos_token', 'bos', usual || (first !== undefined && !beginsWithOther)),
    addEos: adds('add_eos_token', 'eos', last !== undefined),
    notes,
  };
}

/** `eos_token` and the like: a text, or an object with one. A model without bos or eos uses cls and sep. */
function namedTokens(
  settings: JsonObject,
  vocabulary: Vocabulary,
  notes: string[],
): Map<Role, number[]> {
  const named = new Map<Role, number[]>();
  for (const role of roles) {
    const entry = settings[`${role}_token`];
    const text = isObject(entry) ? entry.content : entry;
    if (typeof text !== 'string' || text === '') continue;
    const id = vocabulary.texts.indexOf(text);
    if (id >= 0) named.set(role, [id]);
    else notes.push(`${role} token: tokenizer_config.json names ${quote(text)}, which is no token`);
  }
  for (const [role, other] of [['bos', 'cls'] as const, ['eos', 'sep'] as const]) {
    const instead = named.get(other);
    if (!named.has(role) && instead !== undefined) named.set(role, instead);
  }
  return named;
}

/** `eos_token_id` and the like: an id or a list of them, also of the text part of a model of several. */
function idsOf(settings: JsonObject, role: Role, { texts }: Vocabulary, notes: string[]): number[] {
  const key = `${role}_token_id`;
  const text = settings.text_config;
  const value = settings[key] ?? (isObject(text) ? text[key] : undefined);
  const all: readonly JsonValue[] = isArray(value) ? value : [value ?? null];
  const ids: number[] = [];
  for (const id of all.slice(0, maxEndTokens)) {
    if (id === null || id === -1) continue;
    if (Number.isInteger(id) && (id as number) >= 0 && (id as number) < texts.length) {
      ids.push(id as number);
    } else notes.push(`${key}: ${kindOf(id)} is no token, and is left out`);
  }
  return ids;
}

/** The token that the tokenizer puts before or behind every text. */
function endToken(
  { texts }: Vocabulary,
  text: string | null | undefined,
  place: 'first' | 'last',
  notes: string[],
): number | undefined {
  if (text === null || text === undefined) return undefined;
  const id = texts.indexOf(text);
  if (id >= 0) return id;
  notes.push(`post_processor: the ${place} token ${quote(text)} is no token, and is left out`);
  return undefined;
}
