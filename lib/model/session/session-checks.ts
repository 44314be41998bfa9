import { abortError } from '../../abort.js';
import { argumentError } from '../../checks/options.js';
import { BitnetError } from '../../errors.js';
import { pathOf } from '../load/model-path.js';

export function sessionPath(path: unknown): string {
  const checked = pathOf(path, 'the path of a session file');
  if (!checked.includes('\0')) return checked;
  throw argumentError('the path of a session file', 'path', path);
}

export function checkedTop(top: unknown, vocabSize: number): number {
  if (typeof top === 'number' && Number.isInteger(top) && top >= 1 && top <= vocabSize) return top;
  throw argumentError(`an integer from 1 to the vocabulary size, ${vocabSize},`, 'option top', top);
}

export function busy(why: string): BitnetError {
  return new BitnetError(
    'ERR_BITNET_BUSY',
    `Expected a session that is free, but ${why}; wait for it, abort it, or create a second session.`,
  );
}

export function closed(): BitnetError {
  return new BitnetError(
    'ERR_BITNET_CLOSED',
    'Expected an open session, but it (or its model) was closed; create a new one.',
  );
}

export function aborted(signal: AbortSignal): BitnetError {
  return abortError('The evaluation was aborted.', signal.reason);
}
