import { isUtf8 } from 'node:buffer';
import { quote } from '../../gguf/malformed.js';
import { TimeSlice } from '../../gguf/time-slice.js';
import { maxTokenBytes, maxTokens } from '../../tokenizer/limits.js';
import { TokenKind } from '../../tokenizer/token-kind.js';
import { ProtobufFault, type ProtobufField, protobufFields } from './protobuf.js';
import { notSupported, unfit } from './unfit.js';

/** A token of a SentencePiece vocabulary. */
export interface Piece {
  readonly text: string;
  readonly score: number;
  /** See `TokenKind`, whose numbers are those of the format. */
  readonly kind: number;
}

/** What a tokenizer.model says. */
export interface SentencePieceModel {
  /** By id. */
  readonly pieces: readonly (Piece | undefined)[];
  readonly addSpacePrefix: boolean;
  /** What its normalizer does to a text that is not done here. */
  readonly normalizes: readonly string[];
  readonly ids: { readonly [role in 'unk' | 'bos' | 'eos' | 'pad']?: number };
}

/**
 * Reads a tokenizer.model, a message ModelProto of SentencePiece, whose model merges pairs.
 *
 * @throws ERR_BITNET_TOKENIZER
 */
export async function readSentencePieceModel(
  path: string,
  bytes: Uint8Array,
): Promise<SentencePieceModel> {
  try {
    return await readModel(path, bytes);
  } catch (error) {
    if (!(error instanceof ProtobufFault)) throw error;
    throw unfit(path, 'the contents', 'a SentencePiece model', error.message);
  }
}

async function readModel(path: string, bytes: Uint8Array): Promise<SentencePieceModel> {
  const slice = new TimeSlice();
  const pieces: Piece[] = [];
  let trainer = new Uint8Array();
  let normalizer = new Uint8Array();
  for (const { number, value, type } of protobufFields(bytes)) {
    if (number > lastField && pieces.length === 0) throw new ProtobufFault(`field ${number} first`);
    if (type !== 'bytes') continue;
    if (number === 1) {
      if (pieces.length === maxTokens) {
        throw unfit(path, 'the pieces', `at most ${maxTokens}`, 'more');
      }
      pieces.push(readPiece(path, pieces.length, value as Uint8Array));
    } else if (number === 2) trainer = value as Uint8Array<ArrayBuffer>;
    else if (number === 3) normalizer = value as Uint8Array<ArrayBuffer>;
    if (slice.due()) await slice.pause();
  }
  if (pieces.length === 0) throw unfit(path, 'the pieces', 'at least one', 'none');
  return { pieces, ...readTrainer(path, trainer), ...readNormalizer(normalizer) };
}

/** Of ModelProto: pieces, trainer and normalizer specs, self-test data, denormalizer spec. */
const lastField = 5;

function readPiece(path: string, id: number, message: Uint8Array): Piece {
  let text: string | undefined;
  let score = 0;
  let kind: number = TokenKind.normal;
  const field = `piece ${id}`;
  for (const { number, value, type } of protobufFields(message)) {
    if (number === 1 && type === 'bytes') text = readText(path, field, value as Uint8Array);
    else if (number === 2 && type === 'fixed32') score = value as number;
    else if (number === 3 && type === 'varint') kind = value as number;
  }
  if (text === undefined) throw unfit(path, field, 'a text', 'nothing');
  if (!Number.isFinite(score)) throw unfit(path, `${field} score`, 'a number', `${score}`);
  if (kind >= TokenKind.normal && kind <= TokenKind.byte) return { text, score, kind };
  throw unfit(path, `${field} type`, 'from 1 to 6', `${kind}`);
}

function readText(path: string, field: string, bytes: Uint8Array): string {
  if (bytes.length > maxTokenBytes) {
    throw unfit(path, field, `at most ${maxTokenBytes} bytes long`, `${bytes.length}`);
  }
  if (isUtf8(bytes)) return Buffer.from(bytes).toString();
  const found = quote(Buffer.from(bytes).toString('latin1'));
  throw unfit(path, field, 'UTF-8', found);
}

/** TrainerSpec: what kind of model it is, and the ids of its special pieces. */
function readTrainer(path: string, message: Uint8Array): Pick<SentencePieceModel, 'ids'> {
  const said = integers(message);
  const kind = said.get(3) ?? 1;
  if (kind !== 2) {
    const found = kinds[kind] ?? `model_type ${kind}`;
    throw unfit(path, 'the model', 'of pairs that are merged (BPE)', found, notSupported);
  }
  if (said.get(24) === 1) {
    const found = 'spaces behind words (treat_whitespace_as_suffix)';
    throw unfit(path, 'the model', 'one with spaces before words', found, notSupported);
  }
  // −1 stands for none; as the lowest 53 bits of a varint it is above all ids.
  const id = (field: number, usual: number) => {
    const value = said.get(field) ?? usual;
    return value < maxTokens ? value : undefined;
  };
  const [unk, bos, eos, pad] = [id(40, 0), id(41, 1), id(42, 2), id(43, maxTokens)];
  return {
    ids: {
      ...(unk !== undefined && { unk }),
      ...(bos !== undefined && { bos }),
      ...(eos !== undefined && { eos }),
      ...(pad !== undefined && { pad }),
    },
  };
}

const kinds = ['', 'Unigram', 'BPE', 'whole words', 'characters'];

/** NormalizerSpec. */
function readNormalizer(
  message: Uint8Array,
): Pick<SentencePieceModel, 'addSpacePrefix' | 'normalizes'> {
  const said = integers(message);
  let characters = false;
  for (const { number, value, type } of protobufFields(message)) {
    if (number === 2 && type === 'bytes') characters = (value as Uint8Array).length > 0;
  }
  return {
    addSpacePrefix: (said.get(3) ?? 1) !== 0,
    normalizes: [
      ...(characters ? ['replaces characters by others of their kind (NFKC)'] : []),
      ...((said.get(4) ?? 1) !== 0 ? ['removes extra blanks'] : []),
    ],
  };
}

/** The integers of a message by field. */
function integers(message: Uint8Array): Map<number, number> {
  const found = new Map<number, number>();
  for (const { number, value, type } of protobufFields(message) as Iterable<ProtobufField>) {
    if (type === 'varint') found.set(number, value as number);
  }
  return found;
}
