// What to say of an option that a call does not have: other programs have other names for ours.

/** Names of ours, and how other libraries, their command lines and HTTP interfaces call the same. */
const otherNames: Readonly<Record<string, readonly string[]>> = {
  adapters: ['adapter', 'lora', 'loras', 'loraAdapters', 'loraRequest', 'adapterId'],
  addSpecial: ['addBos', 'addSpecialTokens'],
  caller: ['user', 'userId', 'client', 'clientId', 'tenant'],
  contextLength: [
    ...['nCtx', 'numCtx', 'ctx', 'ctxSize', 'contextSize', 'contextWindow', 'maxContextLength'],
    ...['maxModelLen', 'maxSeqLen', 'maxPositionEmbeddings'],
  ],
  kvMemory: ['kvCacheMemory', 'kvCacheMemoryBytes', 'kvCacheBytes', 'maxKvMemory', 'cacheRam'],
  grammar: ['gbnf', 'grammarString', 'guidedGrammar'],
  jsonSchema: ['schema', 'responseSchema', 'responseFormat', 'guidedJson', 'structuredOutput'],
  kvType: ['cacheType', 'cacheTypeK', 'cacheTypeV', 'kvCacheType', 'typeK', 'typeV'],
  maxQueue: ['queueSize', 'maxQueueSize', 'queueLength', 'maxWaiting', 'maxPending'],
  maxRunning: [
    ...['maxNumSeqs', 'maxSequences', 'parallel', 'nParallel', 'numParallel', 'slots', 'maxSlots'],
    ...['concurrency', 'maxConcurrency', 'maxConcurrent'],
  ],
  maxTokens: [
    ...['nPredict', 'numPredict', 'predict', 'maxNewTokens', 'maxCompletionTokens'],
    ...['maxOutputTokens', 'maxLength', 'maxGenLen', 'tokenLimit'],
  ],
  n: ['numChoices', 'numCompletions', 'numReturnSequences', 'numSequences'],
  normalize: ['normalise', 'embdNormalize', 'normalizeEmbeddings'],
  onProgress: ['onLoadProgress', 'progressCallback', 'progress'],
  bannedTokens: ['badWordsIds', 'suppressTokens', 'bannedTokenIds'],
  draft: ['draftModel', 'speculativeModel', 'modelDraft'],
  drySequenceBreakers: ['dryBreakers'],
  ignoreEnd: ['ignoreEos', 'ignoreEog'],
  lookup: ['promptLookup', 'promptLookupNumTokens', 'ngramLookup'],
  maxDraft: ['draftMax', 'numSpeculativeTokens', 'nDraft'],
  minTokens: ['minNewTokens', 'minLength', 'minPredict'],
  parseSpecial: ['parseSpecialTokens', 'specialTokens'],
  prefixCache: ['cachePrompt', 'promptCache', 'prefixCaching', 'enablePrefixCaching'],
  path: ['model', 'modelPath', 'modelFile', 'file', 'filename'],
  pooling: ['poolingType', 'poolingMode'],
  repeatLastN: ['repetitionContextSize', 'penaltyLastN', 'repetitionPenaltyRange'],
  repeatPenalty: ['repetitionPenalty', 'repPen', 'penaltyRepeat'],
  seed: ['randomSeed', 'rngSeed', 'randomState'],
  signal: ['abortSignal', 'abort', 'abortController', 'cancelSignal', 'cancellationToken'],
  stop: [
    ...['stopSequences', 'stopStrings', 'stopWords', 'stopTriggers', 'customStopTriggers'],
    ...['antiprompt', 'reversePrompt', 'endSequences'],
  ],
  stopTokens: ['stopTokenIds', 'eosTokenId'],
  system: ['systemPrompt', 'systemMessage', 'instructions'],
  temperature: ['temp'],
  typicalP: ['typical', 'typP', 'locallyTypical'],
  threads: ['nThreads', 'numThread', 'numThreads', 'threadCount', 'cpuThreads'],
  top: ['logprobs', 'topLogprobs', 'nProbs'],
};

/** Which calls take an option, for those that are given to the wrong one. */
const takenBy: Readonly<Record<string, string>> = {
  ...named('loadModel', [
    ...['threads', 'kernel', 'path', 'kvMemory', 'prefixCache', 'adapterMemory'],
    ...['stepTarget', 'share', 'maxRunning', 'maxQueue'],
  ]),
  ...named('model.createSession, generate, complete and send', ['adapters']),
  ...named('loadModel and model.createSession', ['contextLength']),
  ...named('model.createSession', ['kvType']),
  ...named('model.createChat', ['system']),
  ...named('model.embed', ['pooling', 'normalize']),
  ...named('session.complete', ['n']),
  ...named('session.evaluate', ['logits', 'top']),
  ...named('generate, complete and send', [
    ...['maxTokens', 'temperature', 'topK', 'topP', 'minP', 'repeatPenalty', 'repeatLastN'],
    ...['presencePenalty', 'frequencyPenalty', 'seed', 'stop', 'parseSpecial'],
    ...['logitBias', 'bannedTokens', 'stopTokens', 'minTokens', 'ignoreEnd', 'samplers'],
    ...['promptLogprobs', 'typicalP', 'topNSigma', 'drySequenceBreakers'],
    ...['caller', 'priority'],
  ]),
};

/** What this library does in another way, by a word in the option's name. */
const otherWays: readonly [RegExp, string][] = [
  [/gpu|cuda|metal|vulkan|^ngl$|^device$/, 'there is no GPU code, so leave it out.'],
  [/^(stream|ontoken|ontext|ontextchunk|streamer)$/, 'iterate the generation with for await.'],
  [/^messages$|^history$/, 'model.createChat() keeps a conversation.'],
];

const ours = new Map(
  Object.entries(otherNames).flatMap(([name, others]) =>
    [name, ...others].map((other) => [plain(other), name] as const),
  ),
);

/** Our name for an option, however it is written or others call it. */
export function ownName(name: string): string | undefined {
  return ours.get(plain(name));
}

/** What to do instead of passing an option to a call that does not have it, if anything is known. */
export function elsewhere(name: string): string | undefined {
  const meant = ownName(name) ?? name;
  const calls = Object.hasOwn(takenBy, meant) ? takenBy[meant] : undefined;
  if (calls !== undefined) return `${meant} is an option of ${calls}.`;
  return otherWays.find(([pattern]) => pattern.test(plain(name)))?.[1];
}

/** `top_k`, `top-k` and `TopK` all mean `topK`. */
export function plain(name: string): string {
  return name.slice(0, 40).toLowerCase().replaceAll(/[_-]/g, '');
}

function named(calls: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, calls]));
}
