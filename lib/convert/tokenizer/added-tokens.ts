import { quote } from '../../gguf/malformed.js';
import { isObject, type JsonObject, type JsonValue, kindOf } from '../../json/json-value.js';
import { maxTokenBytes, maxTokens } from '../../tokenizer/limits.js';
import { TokenKind } from '../../tokenizer/token-kind.js';
import { unfit } from './unfit.js';

/** A token that is found in text as a whole. */
export interface AddedToken {
  readonly id: number;
  readonly text: string;
  readonly special: boolean;
  /** Whether it takes the blanks beside it, or is found between words only. */
  readonly strips: boolean;
}

/** An entry of `added_tokens`. */
export function addedToken(path: string, field: string, value: JsonValue): AddedToken {
  if (!isObject(value)) throw unfit(path, field, 'an object', kindOf(value));
  return {
    id: tokenId(path, `${field} id`, value.id),
    text: tokenText(path, `${field} content`, value.content),
    special: value.special === true,
    strips: value.lstrip === true || value.rstrip === true || value.single_word === true,
  };
}

/** `added_tokens_decoder` of a tokenizer_config.json: entries by id. */
export function decoderTokens(path: string, settings: JsonObject): AddedToken[] {
  const entries = settings.added_tokens_decoder ?? {};
  const key = 'added_tokens_decoder';
  if (!isObject(entries)) throw unfit(path, key, 'an object', kindOf(entries));
  return Object.entries(entries).map(([id, entry]) => {
    const field = `${key} ${quote(id)}`;
    const number = /^\d{1,10}$/.test(id) ? Number(id) : id;
    if (!isObject(entry)) throw unfit(path, field, 'an object', kindOf(entry));
    return addedToken(path, field, { ...entry, id: number });
  });
}

/** An added_tokens.json: ids by text. */
export function listedTokens(path: string, list: JsonObject): AddedToken[] {
  return Object.entries(list).map(([text, id]) => {
    const field = `token ${quote(text)}`;
    const number = tokenId(path, field, id);
    return { id: number, text: tokenText(path, field, text), special: false, strips: false };
  });
}

function tokenId(path: string, field: string, value: JsonValue | undefined): number {
  if (Number.isInteger(value) && (value as number) >= 0 && (value as number) < maxTokens) {
    return value as number;
  }
  throw unfit(path, field, `an integer from 0 to ${maxTokens - 1}`, kindOf(value));
}

function tokenText(path: string, field: string, value: JsonValue | undefined): string {
  const bytes = typeof value === 'string' ? Buffer.byteLength(value) : 0;
  if (bytes > 0 && bytes <= maxTokenBytes) return value as string;
  const found = bytes > 0 ? `${bytes} bytes` : kindOf(value);
  throw unfit(path, field, `a text of 1 to ${maxTokenBytes} bytes`, found);
}

/** The kind of an added token, and its text in the file: spaces of user-defined ones are written plainly. */
export function placed({ text, special }: AddedToken): { text: string; kind: number } {
  if (special || looksControl(text)) return { text, kind: TokenKind.control };
  return { text: text.replaceAll('\u2581', ' '), kind: TokenKind.userDefined };
}

/** Whether a text is that of a control token, although the checkpoint does not say special; as in llama.cpp. */
function looksControl(text: string): boolean {
  if (['<pad>', '<mask>', '<2mass>', '[@BOS@]'].includes(text)) return true;
  const between = (begin: string, end: string) => text.startsWith(begin) && text.endsWith(end);
  return between('<|', '|>') || between('<｜', '｜>') || between('<unused', '>');
}
