import { BitnetError } from '../errors.js';
import { received } from '../generate/option-checks.js';
import { hubFileUrl } from './hub.js';
import { nameOf, partsOf, partsToPull } from './names.js';

/** A file to pull, of a split model all of them. */
export interface FileSource {
  readonly urls: readonly string[];
  /** File name of each, as the address has it. */
  readonly files: readonly string[];
  /** The names in the store. @throws ERR_BITNET_ARGUMENT when the address cannot be a name */
  readonly names: () => readonly string[];
  /** Repository on the hub. */
  readonly repo?: string;
}

/** A repository from which a file is yet to be chosen. */
export interface RepoSource {
  readonly repo: string;
}

/** One part of `owner/repo` as the hub has them. */
const repoPart = /^[A-Za-z0-9][\w.-]{0,95}$/;

/**
 * Reads what `bitnet pull` is told: an address, `owner/repo` or `owner/repo/file.gguf`.
 * @throws ERR_BITNET_ARGUMENT
 */
export function parseSource(text: string, endpoint: string): FileSource | RepoSource {
  if (typeof text === 'string' && /^[a-z][a-z\d+.-]*:\/\//i.test(text))
    return parseUrl(text, endpoint);
  const [owner = '', repo = '', ...path] = `${text}`.split('/');
  if (typeof text !== 'string' || !repoPart.test(owner) || !repoPart.test(repo)) throw wrong(text);
  if (path.length === 0) return { repo: `${owner}/${repo}` };
  return hubFile(endpoint, `${owner}/${repo}`, path.join('/'));
}

/** @throws ERR_BITNET_ARGUMENT */
export function hubFile(endpoint: string, repo: string, path: string): FileSource {
  nameOf([...repo.split('/'), ...path.split('/')]); // a path that goes elsewhere is not asked for
  const paths = partsToPull(path);
  return {
    urls: paths.map((part) => hubFileUrl(endpoint, repo, part)),
    files: paths.map((part) => part.split('/').at(-1)!),
    names: () => paths.map((part) => `${repo}/${part}`),
    repo,
  };
}

function parseUrl(text: string, endpoint: string): FileSource | RepoSource {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password) throw wrong(text);
  url.hash = '';
  const path = url.pathname.split('/').slice(1).map(decoded);
  const ofHub = url.href.startsWith(`${endpoint}/`)
    ? new URL(url.href.slice(endpoint.length), 'http://hub').pathname
        .slice(1)
        .split('/')
        .map(decoded)
    : [];
  const [owner = '', repo = '', kind, revision = '', ...rest] = ofHub;
  if (repoPart.test(owner) && repoPart.test(repo)) {
    const bare = (kind === undefined || kind === '') && !/\.gguf$/i.test(repo);
    const whole = bare || (kind === 'tree' && revision === 'main');
    if (whole && rest.every((part) => part === '')) return { repo: `${owner}/${repo}` };
    if ((kind === 'resolve' || kind === 'blob') && rest.length > 0) {
      if (revision === 'main') return hubFile(endpoint, `${owner}/${repo}`, rest.join('/'));
      url.pathname = url.pathname.replace('/blob/', '/resolve/');
      return addressed(url, [owner, `${repo}@${revision}`, ...rest]);
    }
  }
  return addressed(url, [url.host.replaceAll(/[[\]:]/g, '_'), ...path]);
}

function addressed(url: URL, segments: readonly string[]): FileSource {
  const paths = partsToPull(url.pathname);
  return {
    urls: paths.map((pathname) => Object.assign(new URL(url), { pathname }).href),
    files: paths.map((pathname) => decoded(pathname.split('/').at(-1)!)),
    names: () => partsOf(nameOf(segments)),
  };
}

/** A part of a path without its escapes; as it is where they are wrong. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function wrong(text: unknown): BitnetError {
  // An address may hold a password, so it is not repeated.
  const found =
    typeof text === 'string' && text.includes('://') ? 'another kind of address' : received(text);
  return new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected owner/repo, owner/repo/file.gguf or an http or https address without a user name, but received ${found}.`,
  );
}
