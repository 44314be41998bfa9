import type { Decision } from '../../decision.js';
import { BitnetError } from '../../errors.js';
import type { Graph } from './architectures.js';
import type { Keys } from './keys.js';
import { notYet } from './model-error.js';
import type { ModelSpec, Pooling } from './spec.js';

/*
 * Files do not say everything, and some say it wrong. Every rule by which this project reads a
 * model differently from what its metadata alone would give stands here, with its reason.
 * Those for tokenizers and chat templates stand in lib/tokenizer and lib/chat.
 */

type Activation = ModelSpec['activation'];

/** What the rules look at. */
export interface ModelFacts
  extends Pick<ModelSpec, 'nLayer' | 'dim' | 'ffnDim' | 'nHead' | 'headDim' | 'vocabSize'> {
  readonly architecture: string;
  /** `tokenizer.ggml.model`; 'llama' is SentencePiece. */
  readonly tokenizer: unknown;
}

interface ActivationQuirk {
  readonly applies: (facts: ModelFacts) => boolean;
  readonly activation: Activation;
  readonly reason: string;
}

/** Files whose architecture name stands for another activation than it usually does. */
const activationQuirks: readonly ActivationQuirk[] = [
  {
    // Microsoft's converter has registered the 1bitLLM models under the new name since 2026-07-13.
    applies: ({ architecture, tokenizer, vocabSize }) =>
      (architecture === 'bitnet-b1.58' || architecture === 'bitnet-25') &&
      tokenizer === 'llama' &&
      vocabSize === 32_002,
    activation: 'silu',
    reason:
      'a SentencePiece vocabulary of 32,002 is that of the 1bitLLM models, trained with SiLU, which recent converters name like the 2B-4T model',
  },
  {
    // llama.cpp's own converter and community files; with SiLU the text is fluent but wrong.
    applies: ({ architecture, nLayer, dim, ffnDim, vocabSize }) =>
      architecture === 'bitnet' &&
      nLayer === 30 &&
      dim === 2560 &&
      ffnDim === 6912 &&
      vocabSize === 128_256,
    activation: 'relu2',
    reason:
      'its shape is that of the 2B-4T model, trained with squared ReLU, which some converters name like the 1bitLLM models',
  },
];

/**
 * The activation of the feed-forward layers and the rule that decided it: the caller's wish, else
 * what the file says in `<architecture>.hidden_activation`, else a quirk, else the architecture's.
 *
 * @throws ERR_BITNET_ARGUMENT for an unknown `override`, ERR_BITNET_MODEL for one in the file
 */
export function decideActivation(
  keys: Keys,
  graph: Graph,
  facts: ModelFacts,
  override: Activation | undefined,
): Decision & { readonly choice: Activation } {
  const decided = (choice: Activation, reason: string) => ({
    subject: 'activation',
    choice,
    reason,
  });
  if (override !== undefined) {
    if (isActivation(override))
      return decided(override, 'it was asked for, whatever the file says');
    const message = `Expected the option activation to be ${either("'")}, but received ${String(override)}.`;
    throw new BitnetError('ERR_BITNET_ARGUMENT', message, { activation: override });
  }
  const key = 'hidden_activation';
  const stated = keys.get(key);
  const reason = `the file says so in ${keys.architecture}.${key}`;
  if (isActivation(stated)) return decided(stated, reason);
  if (stated !== undefined) {
    const advice = `to run it anyway, set the activation to ${either("'")} yourself`;
    throw keys.error(key, either('"'), keys.describe(key), advice);
  }
  const quirk = activationQuirks.find(({ applies }) => applies(facts));
  if (quirk !== undefined) return decided(quirk.activation, quirk.reason);
  return decided(graph.activation, graph.activationReason);
}

/**
 * Which matrix turns the last state into logits. Microsoft's engine always takes the embedding for
 * its architectures; a file that has a matrix of its own for it (the first upload of 2B-4T) is
 * taken at its word here, as ik_llama.cpp does.
 */
export function decideHead(hasOutput: boolean): Decision {
  return hasOutput
    ? { subject: 'head', choice: 'output.weight', reason: 'the file has one' }
    : {
        subject: 'head',
        choice: 'token_embd.weight',
        reason: 'the file has no output.weight, so the embedding serves as the head too',
      };
}

/**
 * The factor of attention scores: 1 / sqrt(headDim), but files of Gemma 3 27B do not say that it is the
 * one model of its family with another. No graph here reads `attention.scale`, as in llama.cpp.
 */
export function decideAttentionScale({ architecture, nLayer, dim, nHead, headDim }: ModelFacts): {
  readonly value: number;
  readonly decision?: Decision;
} {
  if (architecture !== 'gemma3' || nLayer !== 62) return { value: 1 / Math.sqrt(headDim) };
  const reason =
    'of the Gemma 3 models that of 62 layers is trained with it, and its files do not say so';
  const choice = '1 / sqrt(dim / heads)';
  return {
    value: Math.sqrt(nHead / dim),
    decision: { subject: 'attention scale', choice, reason },
  };
}

/** Values of `pooling_type`; undefined is none. */
const poolings: readonly (Pooling | undefined)[] = [undefined, 'mean', 'first', 'last'];

/** How states become the embedding of a text, where the file says anything about it. */
export function decidePooling(
  keys: Keys,
  { projectionNorms }: Graph,
): (Decision & { readonly choice: Pooling }) | undefined {
  const key = 'pooling_type';
  const choice = poolings[statedPooling(keys, key)];
  if (projectionNorms && choice !== 'last') {
    return {
      subject: 'pooling',
      choice: 'last',
      reason:
        'models with a norm before every projection are the BitNet embedding models, trained so, for which the converter writes mean where it does not find the rule',
    };
  }
  if (!choice) return undefined;
  return { subject: 'pooling', choice, reason: `the file says so in ${keys.architecture}.${key}` };
}

/** The place in `poolings` of what the file says; what is no number matters to embeddings alone. */
function statedPooling(keys: Keys, key: string): number {
  const stated = keys.get(key);
  if (stated === undefined || unspecified.includes(stated)) return 0;
  if (typeof stated !== 'number') {
    keys.decide(
      'pooling',
      'none stated',
      `${keys.architecture}.${key} is ${keys.describe(key)}`,
      true,
    );
    return 0;
  }
  if (stated in poolings) return stated;
  const expected = '0 (none), 1 (mean), 2 (first token) or 3 (last token)';
  throw keys.error(key, expected, keys.describe(key), notYet);
}

/** What llama.cpp calls "unspecified", with and without a sign. */
const unspecified: readonly unknown[] = [-1, 2 ** 32 - 1];

const activations: readonly Activation[] = ['relu2', 'silu', 'gelu_tanh'];

function isActivation(value: unknown): value is Activation {
  return (activations as readonly unknown[]).includes(value);
}

/** The activations in words, in quotation marks. */
function either(mark: string): string {
  const names = activations.map((name) => `${mark}${name}${mark}`);
  return `${names.slice(0, -1).join(', ')} or ${names.at(-1)}`;
}
