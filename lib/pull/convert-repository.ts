import { rm } from 'node:fs/promises';
import { ownSignal } from '../abort.js';
import { argumentError, givenOptions } from '../checks/options.js';
import { type ConvertResult, convertCheckpoint } from '../convert/convert.js';
import { type ConvertOptions, checkedConvertOptions } from '../convert/convert-options.js';
import { writableTarget } from '../files/target.js';
import { pathOf } from '../model/load/model-path.js';
import { Http } from './http.js';
import { hubEndpoint, hubFiles, hubToken } from './hub.js';
import { fetchCheckpoint } from './pull-checkpoint.js';
import { checkedOptions, type PullOptions } from './pull-options.js';
import { parseSource } from './source.js';

export interface ConvertRepositoryOptions
  extends ConvertOptions,
    Pick<PullOptions, 'retries' | 'stallTimeout' | 'onNotice'> {
  /** Called often while files of the checkpoint arrive. */
  readonly onPull?: PullOptions['onProgress'];
}

const optionNames: (keyof ConvertRepositoryOptions)[] = [
  ...(['type', 'allowRounding', 'overwrite', 'retries', 'stallTimeout'] as const),
  ...(['signal', 'onProgress', 'onPull', 'onNotice'] as const),
];

/** Milliseconds before the first retry. */
const retryDelay = 1000;

/**
 * Makes a GGUF file of the checkpoint in a repository of the Hugging Face Hub, which is pulled first and kept until the file is
 * there: after an error another call goes on with it.
 *
 * @param source `owner/repo`, with `@revision` where it is not the default branch
 * @throws as `pullModel` and `convertCheckpoint`
 */
export async function convertRepository(
  source: string,
  output: string | URL,
  options?: ConvertRepositoryOptions,
): Promise<ConvertResult> {
  const { retries, stallTimeout, onNotice, onPull, ...converting } = givenOptions(
    options,
    optionNames,
  );
  const { overwrite } = checkedConvertOptions(converting);
  const given = { retries, stallTimeout, onNotice, onProgress: onPull, signal: converting.signal };
  const settings = checkedOptions(given);
  const endpoint = hubEndpoint();
  const parsed = parseSource(source, endpoint);
  if ('urls' in parsed || parsed.type !== undefined) {
    throw argumentError('a repository, owner/repo,', 'source', source);
  }
  const path = pathOf(output, 'the path of a file to write');
  const remedy = 'allow it to be replaced (--overwrite, option overwrite)';
  await writableTarget(path, { overwrite, remedy });
  const http = await Http.open({
    endpoint,
    token: await hubToken(),
    stallTimeout: settings.stallTimeout,
  });
  const { signal, release } = ownSignal(settings.signal);
  try {
    const names = await hubFiles(http, parsed.from, signal);
    const fetching = { ...settings, signal, retryDelay };
    const { folder } = await fetchCheckpoint(http, parsed.from, names, fetching);
    const result = await convertCheckpoint(folder, path, { ...converting, signal });
    await rm(folder, { recursive: true, force: true });
    return result;
  } finally {
    release();
    await http.close();
  }
}
