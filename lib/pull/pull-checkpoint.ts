import { rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { readSettings } from '../convert/config/json-file.js';
import { convertCheckpoint } from '../convert/convert.js';
import { familyOf } from '../convert/families.js';
import { download } from './download.js';
import { networkError } from './failures.js';
import type { Http } from './http.js';
import { type HubRepository, hubFileUrl } from './hub.js';
import type { PullResult, Settings } from './pull-options.js';
import { hubFile } from './source.js';
import { storePath } from './store.js';

/** What converting a checkpoint may need; no other file of a repository is pulled, so that no name leads anywhere else. */
const needed =
  /^(?:(?:config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json|tokenizer\.model|chat_template\.jinja|additional_chat_templates\/[\w-]{1,80}\.jinja|1_Pooling\/config\.json|model(?:-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json)$/;

const whole = 'model.safetensors';

/** The file that a repository's checkpoint becomes, in the store. */
export function convertedName(http: Http, from: HubRepository): string {
  const [, name] = from.repo.split('/');
  return hubFile(http.endpoint, from, `${name}.gguf`).names()[0]!;
}

/**
 * Pulls the checkpoint of a repository and converts it to `path`.
 *
 * @param names of the files of the repository
 * @throws as `pullModel` and `convertCheckpoint`
 */
export async function pullCheckpoint(
  http: Http,
  from: HubRepository,
  names: readonly string[],
  path: string,
  settings: Settings & { readonly retryDelay: number },
): Promise<Pick<PullResult, 'bytes' | 'received' | 'files' | 'path'>> {
  const { folder, received } = await fetchCheckpoint(http, from, names, settings);
  const { bytes, decisions } = await convertCheckpoint(folder, path, {
    ...{ overwrite: true, signal: settings.signal },
    onProgress: (progress) =>
      settings.onProgress?.({ file: basename(path), shard: 1, shards: 1, ...progress }),
  });
  for (const { warning, subject, choice, reason } of decisions) {
    if (warning) settings.onNotice(`${subject}: ${choice} (${reason})`);
  }
  await rm(folder, { recursive: true, force: true });
  return { path, bytes, received, files: [{ path, bytes }] };
}

/**
 * Pulls the checkpoint of a repository into a folder of the store, which is the caller's to remove: until then another call goes on
 * with what is there.
 *
 * @param names of the files of the repository
 * @throws as `pullModel`
 */
export async function fetchCheckpoint(
  http: Http,
  from: HubRepository,
  names: readonly string[],
  settings: Settings & { readonly retryDelay: number },
): Promise<{ readonly folder: string; readonly received: number }> {
  const files = checkpointFiles(names);
  if (files === undefined) {
    throw networkError(
      `Expected a GGUF file, or config.json and ${whole}, in ${from.repo}, but it has neither; look for another repository, often one whose name ends with -gguf.`,
    );
  }
  const store = storePath(convertedName(http, from));
  // The model is named after its folder.
  const folder = join(dirname(store), basename(store, '.gguf'));
  let received = 0;
  for (const [i, file] of files.entries()) {
    // Before its weights are pulled: is it a model that can be converted?
    if (isWeights(files[i]!) && !isWeights(files[i - 1] ?? '')) {
      familyOf(await readSettings(folder, 'config.json'));
    }
    const target = join(folder, ...file.split('/'));
    if (await isThere(target)) continue;
    const onBytes = (bytes: number, total: number | undefined) =>
      settings.onProgress?.({ file, shard: i + 1, shards: files.length, bytes, total });
    const url = hubFileUrl(http.endpoint, from, file);
    const done = await download(http, url, target, {
      ...settings,
      sha256: undefined,
      anyKind: true,
      onBytes,
    });
    received += done?.received ?? 0;
  }
  return { folder, received };
}

function isWeights(name: string): boolean {
  return name.endsWith('.safetensors');
}

/** The files to pull, weights last; undefined where there is no checkpoint. Of weights in one file and in shards the file is enough. */
function checkpointFiles(names: readonly string[]): string[] | undefined {
  const files = names.filter((name) => needed.test(name));
  const weights = files.filter(isWeights);
  if (weights.length === 0 || !files.includes('config.json')) return undefined;
  const settings = files.filter((name) => !isWeights(name));
  if (!weights.includes(whole)) return [...settings, ...weights];
  return [...settings.filter((name) => !name.startsWith('model')), whole];
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isFile(),
    () => false,
  );
}
