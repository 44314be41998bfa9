import { BitnetError } from '../errors.js';
import { quote } from '../gguf/malformed.js';
import type { GgufFile } from '../gguf/types.js';
import type { Architecture } from './architectures.js';
import { modelError } from './model-error.js';
import type { Decision, ModelSpec } from './spec.js';

/*
 * Files do not say everything, and some say it wrong. Every rule by which this project reads a
 * model differently from what its metadata alone would give stands here, with its reason.
 * Those for tokenizers and chat templates stand in lib/tokenizer and lib/chat.
 */

type Activation = ModelSpec['activation'];

/** What the rules look at. */
export interface ModelFacts extends Pick<ModelSpec, 'nLayer' | 'dim' | 'ffnDim' | 'vocab'> {
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
    applies: ({ architecture, tokenizer, vocab }) =>
      (architecture === 'bitnet-b1.58' || architecture === 'bitnet-25') &&
      tokenizer === 'llama' &&
      vocab === 32_002,
    activation: 'silu',
    reason:
      'a SentencePiece vocabulary of 32,002 is that of the 1bitLLM models, trained with SiLU, which recent converters name like the 2B-4T model',
  },
  {
    // llama.cpp's own converter and community files; with SiLU the text is fluent but wrong.
    applies: ({ architecture, nLayer, dim, ffnDim, vocab }) =>
      architecture === 'bitnet' &&
      nLayer === 30 &&
      dim === 2560 &&
      ffnDim === 6912 &&
      vocab === 128_256,
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
  file: GgufFile,
  architecture: Architecture,
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
    const message = `Expected the option activation to be 'relu2' or 'silu', but received ${String(override)}.`;
    throw new BitnetError('ERR_BITNET_ARGUMENT', message, { activation: override });
  }
  const key = `${facts.architecture}.hidden_activation`;
  const stated = file.metadata.get(key);
  if (isActivation(stated)) return decided(stated, `the file says so in ${key}`);
  if (stated !== undefined) {
    const found = typeof stated === 'string' ? quote(stated) : `a ${file.valueTypes.get(key)}`;
    const advice = "to run it anyway, set the activation to 'relu2' or 'silu' yourself";
    throw modelError(file.path, `metadata ${quote(key)}`, '"relu2" or "silu"', found, advice);
  }
  const quirk = activationQuirks.find(({ applies }) => applies(facts));
  if (quirk !== undefined) return decided(quirk.activation, quirk.reason);
  return decided(architecture.activation, architecture.activationReason);
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

function isActivation(value: unknown): value is Activation {
  return value === 'relu2' || value === 'silu';
}
