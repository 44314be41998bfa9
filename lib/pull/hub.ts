// The conventions of the Hugging Face Hub: its endpoint, the user's token, a repository's files.
import { join } from 'node:path';
import { homeFolder, variable } from '../environment.js';
import { BitnetError } from '../errors.js';
import { readRegularText } from '../files/own.js';
import { networkError } from './failures.js';
import type { Http } from './http.js';

export const defaultEndpoint = 'https://huggingface.co';

/** Longest token file; a longer one is something else. */
const maxTokenBytes = 64 * 1024;

/** A list of files longer than this is a mistake. */
const maxListBytes = 16 * 1024 * 1024;

/** `HF_ENDPOINT`, else the public one, without a slash at the end. */
export function hubEndpoint(): string {
  const endpoint = (variable('HF_ENDPOINT') ?? defaultEndpoint).replace(/(?<!\/)\/+$/, '');
  const url = URL.canParse(endpoint) ? new URL(endpoint) : undefined;
  if (url && /^https?:$/.test(url.protocol) && !url.username && !url.password) return endpoint;
  throw new BitnetError(
    'ERR_BITNET_ARGUMENT',
    'Expected HF_ENDPOINT to be an http or https address without a user name, but it is not; correct or unset it.',
  );
}

/** `HF_TOKEN`, otherwise the token file written at login, if there is one. */
export async function hubToken(): Promise<string | undefined> {
  const token = variable('HF_TOKEN');
  if (token?.trim()) return plainToken(token);
  const path = tokenPath();
  const text = path === undefined ? '' : await readRegularText(path, maxTokenBytes).catch(() => '');
  return text.trim() ? plainToken(text) : undefined;
}

function tokenPath(): string | undefined {
  const file = variable('HF_TOKEN_PATH');
  if (file !== undefined) return file;
  const own = variable('HF_HOME');
  if (own !== undefined) return join(own, 'token');
  const home = homeFolder();
  const caches = variable('XDG_CACHE_HOME') ?? (home && join(home, '.cache'));
  return caches && join(caches, 'huggingface', 'token');
}

/** A token valid as a header; the error does not repeat it. */
function plainToken(text: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new BitnetError(
    'ERR_BITNET_ARGUMENT',
    'Expected the Hugging Face token to have visible ASCII characters only, but it has others; set HF_TOKEN again.',
  );
}

/** A repository on the hub, at a branch, tag or commit. */
export interface HubRepository {
  /** `owner/repo`. */
  readonly repo: string;
  readonly revision: string;
}

/** The default branch. */
export const mainRevision = 'main';

export function hubFileUrl(
  endpoint: string,
  { repo, revision }: HubRepository,
  path: string,
): string {
  const escaped = path.split('/').map(encodeURIComponent).join('/');
  return `${endpoint}/${repo}/resolve/${encodeURIComponent(revision)}/${escaped}`;
}

/** Of the files of a repository those of GGUF, of a split one its first shard only. */
export function ggufFiles(names: readonly string[]): string[] {
  return names.filter(
    (name) => /\.gguf$/i.test(name) && !/-(?!00001)\d{5}-of-\d{5}\.gguf$/i.test(name),
  );
}

/**
 * Paths of the files of a repository.
 * @throws ERR_BITNET_NETWORK
 */
export async function hubFiles(
  http: Http,
  { repo, revision }: HubRepository,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const at = revision === mainRevision ? '' : `/revision/${encodeURIComponent(revision)}`;
  const url = `${http.endpoint}/api/models/${repo}${at}`;
  const text = await http.text(url, maxListBytes, signal);
  try {
    const { siblings } = JSON.parse(text) as { siblings: { rfilename: string }[] };
    return siblings.map(({ rfilename }) => `${rfilename}`);
  } catch (cause) {
    throw networkError(
      `Expected the list of files of ${repo} from ${url}, but received something else; name a file: ${repo}/<file>.gguf.`,
      { cause },
    );
  }
}
