// The types name Symbol.asyncDispose, and need nothing else of Node.js.
/// <reference lib="esnext.disposable" preserve="true" />
// The compiled module has this marker. Without it in the types TypeScript lets a CommonJS module import a default, which is not there.
export declare const __esModule: true;
export { chatTemplateNames } from './chat/builtin-templates.js';
// Chat, Model and Session are made by loadModel, createSession and createChat, never with new.
export type { Chat, ChatCompletion, ChatResult, ChatSettings } from './chat/chat.js';
export type { ChatMessage, ChatTemplate } from './chat/template.js';
export type { ChatTemplateOption } from './chat/template-choice.js';
export type { TokenIds } from './checks/token-ids.js';
export {
  type AdapterResult,
  type ConvertAdapterOptions,
  convertAdapter,
} from './convert/adapter/convert-adapter.js';
export {
  type ConvertOptions,
  type ConvertProgress,
  type ConvertResult,
  type ConvertType,
  convertCheckpoint,
} from './convert/convert.js';
export {
  type ExportOptions,
  type ExportResult,
  exportCheckpoint,
} from './convert/export/export-checkpoint.js';
export type { Decision } from './decision.js';
export { BitnetError, type BitnetErrorCode } from './errors.js';
export { type CompareOptions, compareModels } from './evaluate/compare.js';
export { type EvalOptions, evalItems } from './evaluate/eval.js';
export {
  type ChoiceItem,
  type EvalItem,
  type LastWordItem,
  parseEvalItems,
} from './evaluate/items.js';
export { type PerplexityOptions, perplexity } from './evaluate/perplexity.js';
export type {
  Comparison,
  Divergence,
  EvalResult,
  LayerError,
  Perplexity,
  Share,
} from './evaluate/results.js';
export type { Choices, CompleteOptions } from './generate/choices.js';
export type {
  Completion,
  Generation,
  GenerationResult,
  Piece,
  StopReason,
} from './generate/generation.js';
export type { LogprobSource, TokenChance, TokenLogprob } from './generate/logprobs.js';
export type { OnProgress } from './generate/on-progress.js';
export type { GenerateOptions } from './generate/options.js';
export type { Timings, Usage } from './generate/progress.js';
export type { Prompt } from './generate/prompt.js';
export type { SamplerName } from './generate/samplers.js';
export type { SamplingOptions } from './generate/sampling-options.js';
export type { TextReadable } from './generate/streams.js';
export type { Bias, LogitBias } from './generate/token-options.js';
export type { GgufShard } from './gguf/types.js';
export type { WriteOptions, WriteProgress } from './gguf/write-options.js';
export {
  type ArraySummary,
  type Inspection,
  type InspectOptions,
  inspectModel,
  type MetadataEntry,
  type TensorSummary,
  type TokenizerSummary,
} from './inspect.js';
export type { Adapter } from './model/adapter/adapter.js';
export type { AdapterUse } from './model/adapter/applied-adapters.js';
export type { LoadAdapterOptions } from './model/adapter/load-adapter.js';
export type { EmbedOptions } from './model/embed.js';
export { loadModel } from './model/load/load.js';
export type { LoadOptions } from './model/load/load-options.js';
export { type LoadTokenizerOptions, loadTokenizer } from './model/load/load-tokenizer.js';
export type { MemoryEstimate } from './model/load/memory.js';
export type { Model } from './model/model.js';
export type { ModelLease } from './model/pool/lease.js';
export {
  type AcquireOptions,
  createModelPool,
  type ModelPool,
  type PoolStats,
} from './model/pool/pool.js';
export type { PooledLoadOptions, PoolOptions } from './model/pool/pool-options.js';
export type { PooledModelStats } from './model/pool/pooled-model.js';
export type { Prepared } from './model/prepared/prepared-weights.js';
export type { GenerationEvent } from './model/session/admit.js';
export type { EvaluateOptions, EvaluateTopOptions, TopTokens } from './model/session/evaluation.js';
export type { Session } from './model/session/session.js';
export type { SessionOptions } from './model/session/session-options.js';
export type { TensorRole } from './model/spec/graph-tensors.js';
export type { I2sLayout } from './model/spec/i2s-layouts.js';
export type { MetadataOverrides } from './model/spec/metadata-overrides.js';
export type { ModelSpec, Pooling, TensorBinding } from './model/spec/spec.js';
export type { ModelStats } from './model/stats.js';
export { type LayerSparsity, measureSparsity, type Sparsity } from './model/tuning/sparsity.js';
export { cpuInfo } from './native.js';
export type {
  CpuInfo,
  HeadCounts,
  KernelNames,
  KvType,
  MemoryUse,
  PlannedTensor,
  ShapeTiming,
  TensorLayout,
} from './native-types.js';
export { type CatalogModel, modelCatalog } from './pull/catalog.js';
export { type ConvertRepositoryOptions, convertRepository } from './pull/convert-repository.js';
export { type PullOptions, type PullProgress, type PullResult, pullModel } from './pull/pull.js';
export { findModel, listModels, type PulledModel, removeModel } from './pull/store.js';
export {
  type QuantizedTensor,
  type QuantizeOptions,
  type QuantizeResult,
  quantizeModel,
} from './quantize/quantize.js';
export type { QuantizeType, TensorTypeName } from './quantize/types.js';
export { type MergeResult, mergeModel } from './shards/merge-model.js';
export { type SplitOptions, type SplitResult, splitModel } from './shards/split-model.js';
export type {
  DecodeOptions,
  EncodeOptions,
  Tokenizer,
  TokenizerOptions,
} from './tokenizer/index.js';
