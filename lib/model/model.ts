import { basename } from 'node:path';
import { Chat, type ChatSettings } from '../chat/chat.js';
import type { ChatTemplate, ModelTemplates } from '../chat/template.js';
import { checkedTemplateOption } from '../chat/template-choice.js';
import { argumentError, givenOptions } from '../checks/options.js';
import type { Decision } from '../decision.js';
import { BitnetError } from '../errors.js';
import type { Drafting } from '../generate/evaluator.js';
import type { FileStamp } from '../gguf/file-stamp.js';
import { heldPlan } from '../native.js';
import type {
  HeadCounts,
  KernelNames,
  MemoryUse,
  NativeModel,
  PlannedTensor,
  ShapeTiming,
} from '../native-types.js';
import type { EncodeOptions, Tokenizer } from '../tokenizer/index.js';
import type { Adapter } from './adapter/adapter.js';
import { AdapterMemory } from './adapter/adapter-memory.js';
import { checkedAdapters, checkOwner, noAdapters } from './adapter/applied-adapters.js';
import { type LoadAdapterOptions, loadAdapter } from './adapter/load-adapter.js';
import { Admission } from './admission.js';
import { type EmbedOptions, embed } from './embed.js';
import { ModelIdentity } from './load/identity.js';
import { KvBudget } from './load/kv-budget.js';
import { memoryOf, skippingLayers } from './load/memory.js';
import type { Prepared } from './prepared/prepared-weights.js';
import type { Sequence } from './session/sequence.js';
import { Session, type SessionOwner } from './session/session.js';
import {
  checkedContextLength,
  checkedKvType,
  defaultContextLength,
  type SessionOptions,
} from './session/session-options.js';
import type { ModelSpec } from './spec/spec.js';
import { type ModelStats, modelStats } from './stats.js';

/** @internal What `loadModel` puts together. */
export interface ModelParts {
  readonly path: string;
  readonly spec: ModelSpec;
  readonly tokenizer: Tokenizer;
  readonly templates: ModelTemplates;
  readonly decisions: readonly Decision[];
  readonly native: NativeModel;
  /** Of the model's files, when they were read. */
  readonly stamps: readonly FileStamp[];
  readonly tuning: readonly ShapeTiming[];
  readonly contextLength: number | undefined;
  readonly kvMemory: number | undefined;
  readonly maxRunning: number;
  readonly maxQueue: number;
  readonly prefixCache: boolean;
  readonly adapterMemory: number;
  readonly prepared: Prepared | undefined;
  readonly loadMilliseconds: number;
}

/**
 * A loaded model. Its weights are immutable and shared by all of its sessions; several models
 * with the same number of threads share these threads. Close it to free its memory.
 */
export class Model {
  readonly path: string;
  readonly spec: ModelSpec;
  readonly tokenizer: Tokenizer;
  /** How the model's chats are written, when the file (or an override for faulty files) says so. */
  readonly chatTemplate: ChatTemplate | undefined;
  /** Rules that were applied because the file is faulty, silent or overruled. */
  readonly decisions: readonly Decision[];
  /** The kernels in use; the ternary one where `tuning` says no other. */
  readonly kernel: KernelNames;
  /** Ternary kernels by matrix shape, where they were measured. */
  readonly tuning: readonly ShapeTiming[];
  readonly threads: number;
  /** `[nLayer]` in which layers what meets only zeros is not read while one token is decoded. */
  readonly skipsInactive: readonly boolean[];
  /** Bytes of memory the weights take. */
  readonly memory: MemoryUse;
  /** How each tensor of `spec.tensors` is held. */
  readonly plan: readonly PlannedTensor[];
  /** The packed weights on the disk that were used or made; undefined where there are none. */
  readonly prepared: Prepared | undefined;
  readonly loadMilliseconds: number;
  readonly #contextLength: number;
  readonly #templates: ModelTemplates;
  readonly #identity: ModelIdentity;
  readonly #kvBudget: KvBudget;
  readonly #admission: Admission;
  readonly #adapterMemory: AdapterMemory;
  /** Weak, so that a session nobody holds any more can be collected, and its memory freed, unclosed. */
  readonly #sessions = new Set<WeakRef<Session>>();
  readonly #forgotten = new FinalizationRegistry<WeakRef<Session>>((entry) => {
    this.#sessions.delete(entry);
  });
  #native: NativeModel | undefined;

  /** @internal */
  constructor(parts: ModelParts) {
    const { native, path, spec, tokenizer, loadMilliseconds } = parts;
    this.path = path;
    this.spec = spec;
    this.tokenizer = tokenizer;
    this.chatTemplate = parts.templates.standard;
    this.#templates = parts.templates;
    this.decisions = parts.decisions;
    this.tuning = parts.tuning;
    this.loadMilliseconds = loadMilliseconds;
    this.prepared = parts.prepared;
    ({ kernel: this.kernel, threads: this.threads } = native.info());
    this.plan = heldPlan(spec, native);
    this.memory = memoryOf(this.plan);
    this.skipsInactive = skippingLayers(this.plan);
    this.#contextLength = parts.contextLength ?? Math.min(spec.contextLength, defaultContextLength);
    this.#identity = new ModelIdentity(spec, parts.stamps);
    this.#admission = new Admission(parts);
    this.#adapterMemory = new AdapterMemory(parts.adapterMemory, () => this.native);
    this.#native = native;
    this.#kvBudget = new KvBudget(native, spec, parts);
  }

  /**
   * A new sequence with a KV cache of its own.
   * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_MEMORY`, `ERR_BITNET_CLOSED`
   */
  createSession(options?: SessionOptions): Session {
    const given = givenOptions(options, ['contextLength', 'kvType', 'adapters']);
    const contextLength = checkedContextLength(given.contextLength) ?? this.#contextLength;
    const kvType = checkedKvType(given.kvType);
    const adapters = checkedAdapters(given.adapters) ?? noAdapters;
    checkOwner(adapters, this.#adapterMemory);
    this.#kvBudget.admit(contextLength, kvType);
    return this.#openSession({ contextLength, kvType, adapters });
  }

  #openSession(
    kind: Pick<SessionOwner, 'contextLength' | 'kvType' | 'adapters'>,
    sequenceOf?: (owner: SessionOwner) => Sequence,
  ): Session {
    const owner: SessionOwner = {
      native: this.native,
      tokenizer: this.tokenizer,
      vocabSize: this.spec.vocabSize,
      dim: this.spec.dim,
      nLayer: this.spec.nLayer,
      longRopeAbove: this.spec.rope.longAbove,
      ...{ ...kind, adapterMemory: this.#adapterMemory },
      name: this.spec.name ?? basename(this.path),
      path: this.path,
      admission: this.#admission,
      identity: (signal) => this.#identity.hash(signal),
      drafting: this.spec.recurrent ? undefined : this.#drafting,
      another: (sequence) => this.#openSession(kind, sequence),
      onClose: () => {
        this.#sessions.delete(entry);
        this.#forgotten.unregister(entry);
        this.#admission.retry();
      },
    };
    const session = new Session(owner, sequenceOf?.(owner));
    const entry = new WeakRef(session);
    this.#sessions.add(entry);
    this.#forgotten.register(session, entry, entry);
    return session;
  }

  /**
   * A new chat, in a session of its own: in the model's chat template if it has one, else every
   * message begins a text of its own.
   * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_MEMORY`, `ERR_BITNET_CLOSED`
   */
  createChat(options?: ChatSettings): Chat {
    const { system, chatTemplate, ...sessionOptions } = givenOptions(options, [
      ...(['system', 'chatTemplate', 'contextLength', 'kvType', 'adapters'] as const),
    ]);
    const template = this.#templates.forChat(checkedTemplateOption(chatTemplate));
    const { tokenizer } = this;
    return new Chat({ tokenizer, template }, system, () => this.createSession(sessionOptions));
  }

  /** A step of a few tokens takes little longer than one of one; on more threads, of a few more. */
  get #drafting(): Drafting {
    return { most: this.threads <= 2 ? 8 : 16, running: () => this.#admission.running };
  }

  /**
   * A LoRA adapter for this model: a GGUF file, or a folder that PEFT has written. Its matrices are kept within `adapterMemory`,
   * read again when they are needed and no longer there.
   *
   * @param options.name what errors call it, by default what its file says, or is called
   * @param options.onDemand whether only its header is read now, and the matrices when they are first used, by default false
   * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_FILE`, `ERR_BITNET_GGUF`, `ERR_BITNET_SAFETENSORS`, `ERR_BITNET_MODEL` when
   *   it is no LoRA adapter or one of another model, `ERR_BITNET_TYPE`, `ERR_BITNET_MEMORY`, `ERR_BITNET_ABORTED`,
   *   `ERR_BITNET_CLOSED`
   */
  loadAdapter(path: string | URL, options?: LoadAdapterOptions): Promise<Adapter> {
    return loadAdapter(this, this.#adapterMemory, path, options);
  }

  /**
   * @internal Computes the hash that session files are checked against, which the first `save` or `load` would do: from then
   * on they work whatever becomes of the model's file.
   */
  async identify(signal: AbortSignal): Promise<void> {
    await this.#identity.hash(signal);
  }

  /** @internal The addon's object, while the model is open. */
  get native(): NativeModel {
    if (this.#native) return this.#native;
    throw new BitnetError(
      'ERR_BITNET_CLOSED',
      'Expected an open model, but it was closed; load it again.',
    );
  }

  /** @internal Whether it was closed. */
  get isClosed(): boolean {
    return this.#native === undefined;
  }

  /** How the heads of all tokens so far were answered. @throws `ERR_BITNET_CLOSED` */
  get headCounts(): HeadCounts {
    return this.native.info().head;
  }

  /** What the model is doing, and what its steps took. @throws `ERR_BITNET_CLOSED` */
  stats(): ModelStats {
    return modelStats(this.native);
  }

  /**
   * Embeddings of texts (or of token ids, taken as they are): vectors of `spec.dim` numbers whose
   * dot products say how alike the texts are. Texts get the begin and end tokens the model wants.
   * Made for embedding models; the states of any other model serve as well as they can. An
   * embedding model may expect a prefix before queries: see its description.
   *
   * @returns as many vectors as `texts` has elements, of length 1 unless asked otherwise
   * @throws `ERR_BITNET_ARGUMENT`, `ERR_BITNET_CONTEXT` (more tokens than the model was trained
   *   with), `ERR_BITNET_ABORTED`, `ERR_BITNET_NUMERIC`, `ERR_BITNET_MEMORY`, `ERR_BITNET_CLOSED`
   */
  embed(
    texts: readonly (string | ArrayLike<number>)[],
    options?: EmbedOptions,
  ): Promise<Float32Array[]> {
    return embed(this, texts, options);
  }

  /** Token ids of `text`; see `Tokenizer.encode`. */
  tokenize(text: string, options?: EncodeOptions): number[] {
    return this.tokenizer.encode(text, options);
  }

  /** Text of token ids; control tokens have none. */
  detokenize(ids: Iterable<number>): string {
    return this.tokenizer.decode(ids);
  }

  /** Closes every session and frees the weights. May be called again. */
  close(): void {
    for (const session of [...this.#sessions]) session.deref()?.close();
    this.#adapterMemory.closeAll();
    this.#native?.close();
    this.#native = undefined;
  }

  /** Closes; for `using`. */
  [Symbol.dispose](): void {
    this.close();
  }

  /** Closes, and waits until nothing of the model runs any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    const sessions = [...this.#sessions].map((session) => session.deref());
    this.close();
    await Promise.all(sessions.map((session) => session?.[Symbol.asyncDispose]()));
  }
}

/** Throws ERR_BITNET_ARGUMENT unless it is what `loadModel` resolves to. */
export function checkModel(model: unknown): asserts model is Model {
  if (!(model instanceof Model))
    throw argumentError('what await loadModel() gives', 'model', model);
}
