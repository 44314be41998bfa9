import { resolve } from 'node:path';
import type { Decision } from '../../decision.js';
import { BitnetError } from '../../errors.js';
import { replaceFile } from '../../files/replace-file.js';
import { systemFault } from '../../files/system-fault.js';
import type { FileStamp } from '../../gguf/file-stamp.js';
import { prepareNativeModel } from '../../native.js';
import type { LoadChoices, NativeModel, PreparedFile } from '../../native-types.js';
import type { ModelSpec } from '../spec/spec.js';
import {
  isPreparedAt,
  makePreparedRoom,
  preparedBudget,
  preparedFolder,
  preparedHeader,
  preparedNames,
  preparedPath,
  touchPrepared,
} from './prepared-folder.js';
import { preparedKey } from './prepared-key.js';

/** Whether a load uses packed weights that an earlier one has kept, whether it keeps its own, and where. */
export interface PrepareOptions {
  readonly use: boolean;
  readonly make: boolean;
  /** @default `preparedFolder()` */
  readonly folder: string | undefined;
}

/** The packed weights of a loaded model on the disk. */
export interface Prepared {
  readonly path: string;
  readonly bytes: number;
  /** Whether this load has written them; else it has read them. */
  readonly made: boolean;
}

/** What became of them, and what to say about it. */
export interface PreparedOutcome {
  readonly prepared?: Prepared;
  readonly decisions: readonly Decision[];
}

const subject = 'prepared weights';

/** The file for weights that are held as `choices` say, if an earlier load has kept it. */
export async function findPrepared(
  spec: ModelSpec,
  stamps: readonly FileStamp[],
  choices: LoadChoices,
  { use, folder = preparedFolder() }: PrepareOptions,
): Promise<PreparedFile | undefined> {
  if (!use || folder === undefined || (await preparedNames(folder)).length === 0) return undefined;
  const file = await fileFor(spec, stamps, choices, folder);
  return (await isPreparedAt(file.path)) ? file : undefined;
}

/** Keeps the weights of a model, if that was asked for, and remembers that they were used. */
export async function settlePrepared(
  { spec, stamps, native }: { spec: ModelSpec; stamps: readonly FileStamp[]; native: NativeModel },
  choices: LoadChoices,
  found: PreparedFile | undefined,
  { make, folder = preparedFolder() }: PrepareOptions,
  control: Int32Array,
): Promise<PreparedOutcome> {
  const { prepared, preparedFault } = native.info();
  const decisions: Decision[] = [];
  if (found && preparedFault !== '') {
    const reason = `"${found.path}" is damaged: ${preparedFault}`;
    decisions.push({ subject, choice: 'not used', reason, warning: true });
  }
  if (found && preparedFault === '') {
    if (prepared) await touchPrepared(found.path);
    return { prepared: { path: found.path, bytes: packedBytes(native), made: false }, decisions };
  }
  if (!make) return { decisions };
  const kept =
    folder === undefined
      ? 'there is no cache folder; set BITNET_CACHE to a folder that can be written'
      : await keep(spec, stamps, choices, native, folder, control);
  if (typeof kept === 'object') return { prepared: kept, decisions };
  return {
    decisions: [...decisions, { subject, choice: 'not kept', reason: kept, warning: true }],
  };
}

/** @returns why they cannot be kept, where they cannot */
async function keep(
  spec: ModelSpec,
  stamps: readonly FileStamp[],
  choices: LoadChoices,
  native: NativeModel,
  folder: string,
  control: Int32Array,
): Promise<Prepared | string> {
  const bytes = packedBytes(native);
  if (bytes === 0) return 'the model has none: its weights are used as they are stored';
  const model = resolve(stamps[0]!.path);
  try {
    const refused = await makePreparedRoom(folder, model, bytes, preparedBudget);
    if (refused !== undefined) return refused;
    const { path, key } = await fileFor(spec, stamps, choices, folder);
    const header = preparedHeader(model);
    await replaceFile(path, { overwrite: true, links: false }, (part) =>
      prepareNativeModel(native, { path: part, key, header, control }),
    );
    return { path, bytes, made: true };
  } catch (error) {
    if (error instanceof BitnetError && error.code !== 'ERR_BITNET_FILE') throw error;
    const { message } = error as Error;
    return `the system answered "${/answered "([^"]*)"/.exec(message)?.[1] ?? systemFault(error as Error)}"`;
  }
}

async function fileFor(
  spec: ModelSpec,
  stamps: readonly FileStamp[],
  choices: LoadChoices,
  folder: string,
): Promise<PreparedFile> {
  const key = await preparedKey(spec, stamps, choices);
  return { path: preparedPath(folder, stamps[0]!.path, key), key };
}

/** Bytes of what a load has packed. */
function packedBytes(native: NativeModel): number {
  const stored = ['f32', 'dense', 'file'];
  return native
    .info()
    .plan.filter(({ layout }) => !stored.includes(layout))
    .reduce((sum, { bytes }) => sum + bytes, 0);
}
