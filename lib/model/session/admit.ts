import { channel } from 'node:diagnostics_channel';
import { onAbort } from '../../abort.js';
import type {
  AdmittedGeneration,
  GenerationOutcome,
  GenerationRequest,
} from '../../generate/evaluator.js';
import type { Admission } from '../admission.js';
import type { Sequence } from './sequence.js';
import { aborted, closed } from './session-checks.js';

/** What is published on the channels `bitnet:generation:…` of `node:diagnostics_channel`. */
export interface GenerationEvent {
  /** The model's, as it was loaded. */
  readonly path: string;
  /** Counts the generations of the process, from 1. */
  readonly generation: number;
  readonly caller: string;
  readonly priority: number;
  /** Since the generation asked to begin. */
  readonly milliseconds: number;
  /** Of `finished`. */
  readonly usage?: GenerationOutcome['usage'];
  /** Of `finished`: why it ended, or the code of what it failed with; neither when it was left. */
  readonly stopReason?: string;
  readonly code?: string;
}

const channels = {
  queued: channel('bitnet:generation:queued'),
  admitted: channel('bitnet:generation:admitted'),
  firstToken: channel('bitnet:generation:first-token'),
  finished: channel('bitnet:generation:finished'),
};

let generations = 0;

/** Waits until a generation of the sequence may begin; the sequence's closing ends it, too. */
export async function admit(
  sequence: Sequence,
  { path, admission }: { readonly path: string; readonly admission: Admission },
  { tokens, caller, priority, signal }: GenerationRequest,
): Promise<AdmittedGeneration> {
  const generation = ++generations;
  const begin = performance.now();
  const publish = (name: keyof typeof channels, fields: Partial<GenerationEvent> = {}) => {
    if (!channels[name].hasSubscribers) return;
    const milliseconds = performance.now() - begin;
    channels[name].publish({ path, generation, caller, priority, milliseconds, ...fields });
  };
  const leaving = new AbortController();
  const releases = [signal, sequence.closing].map((end) => onAbort(end, () => leaving.abort()));
  const applicant = {
    holder: sequence,
    priority,
    served: () => sequence.served,
    admit: (alone: boolean) => sequence.admit(tokens, alone),
  };
  sequence.announce(caller, priority);
  try {
    const place = await admission.enter(applicant, leaving.signal, () => publish('queued'));
    publish('admitted');
    return { firstToken: () => publish('firstToken'), end: ending(sequence, place.leave, publish) };
  } catch (error) {
    sequence.endGeneration();
    const failure = sequence.closing.aborted ? closed() : signal.aborted ? aborted(signal) : error;
    publish('finished', { ...outcomeFields({ usage: noUsage, error: failure }) });
    throw failure;
  } finally {
    for (const release of releases) release();
  }
}

const noUsage = { promptTokens: 0, completionTokens: 0 };

/** Whichever is first ends it: its loop, or the closing of the sequence, whose loop may never go on. */
function ending(
  sequence: Sequence,
  leave: () => void,
  publish: (name: 'finished', fields: Partial<GenerationEvent>) => void,
): AdmittedGeneration['end'] {
  // Until the evaluation under way has ended it holds its memory, which others may wait for.
  const release = onAbort(sequence.closing, () => {
    const { ended } = sequence;
    if (ended) void ended.then(leave);
    else leave();
  });
  return (outcome) => {
    release();
    sequence.endGeneration();
    leave();
    publish('finished', outcomeFields(outcome));
  };
}

function outcomeFields({ usage, stopReason, error }: GenerationOutcome): Partial<GenerationEvent> {
  const { code } = (error ?? {}) as { code?: string };
  return { usage, ...(stopReason && { stopReason }), ...(code && { code }) };
}
