import { nearest, received } from '../checks/options.js';
import { BitnetError } from '../errors.js';
import { catalogModel, modelCatalog } from './catalog.js';
import { defaultEndpoint, type HubRepository, hubFileUrl, mainRevision } from './hub.js';
import { nameOf, shardsOf, shardsToPull } from './names.js';

/** A file to pull, of a split model all of them. */
export interface FileSource {
  readonly urls: readonly string[];
  /** File name of each, as the address has it. */
  readonly files: readonly string[];
  /** The names in the store. @throws ERR_BITNET_ARGUMENT when the address cannot be a name */
  readonly names: () => readonly string[];
  /** Where it is on the hub. */
  readonly from?: HubRepository;
}

/** A repository whose file is still to be chosen. */
export interface RepoSource {
  readonly from: HubRepository;
  /** A type that the file's name must contain, such as `Q2_0`. */
  readonly type?: string;
}

/** One part of `owner/repo` as the hub has them. */
const repoPart = /^[A-Za-z0-9][\w.-]{0,95}$/;

/** The second part, with a revision and a type. */
const repoWithMore = /^([A-Za-z0-9][\w.-]{0,95})(?:@([\w.-]{1,100}))?(?::([\w.-]{1,40}))?$/;

/** The hub before a path, as other programs take it. */
const hubHost = /^(?:hf\.co|huggingface\.co)\//i;

/** Parts of an address of the hub that are followed by a revision. */
const revisionKinds = ['resolve', 'blob', 'tree'];

/**
 * Parses the source of `bitnet pull`: a name in the catalog, `owner/repo` or `owner/repo/file.gguf`, with `@revision` after
 * the repository and `:type` after that, `hf.co/` before any of them, or a URL.
 * @throws ERR_BITNET_ARGUMENT
 */
export function parseSource(text: string, endpoint: string): FileSource | RepoSource {
  if (typeof text !== 'string') throw wrong(text);
  if (/^[a-z][a-z\d+.-]*:\/\//i.test(text)) return parseUrl(text, endpoint);
  const path = text.replace(hubHost, '');
  const [owner = '', second = '', ...rest] = path.split('/');
  if (path !== text && revisionKinds.includes(rest[0] ?? '')) {
    return parseUrl(`${endpoint}/${path}`, endpoint);
  }
  const known = path === text ? catalogModel(text) : undefined;
  if (known)
    return hubFile(endpoint, { repo: known.repository, revision: mainRevision }, known.file);
  const [, repo, revision = mainRevision, type] = repoWithMore.exec(second) ?? [];
  if (!repoPart.test(owner) || repo === undefined) throw wrong(text);
  const from = { repo: `${owner}/${repo}`, revision };
  const file = rest.join('/');
  if (file === '') return { from, ...(type !== undefined && { type }) };
  if (type !== undefined) throw wrong(text);
  return hubFile(endpoint, from, file);
}

/** @throws ERR_BITNET_ARGUMENT */
export function hubFile(endpoint: string, from: HubRepository, path: string): FileSource {
  const folder = storeFolderOf(from);
  nameOf([...folder.split('/'), ...path.split('/')]); // refuses a path that leaves the repository
  const paths = shardsToPull(path);
  return {
    urls: paths.map((part) => hubFileUrl(endpoint, from, part)),
    files: paths.map((part) => part.split('/').at(-1)!),
    names: () => paths.map((part) => `${folder}/${part}`),
    from,
  };
}

/** The name of a repository in the store. */
function storeFolderOf({ repo, revision }: HubRepository): string {
  return revision === mainRevision ? repo : `${repo}@${revision}`;
}

function parseUrl(text: string, endpoint: string): FileSource | RepoSource {
  const address = text.replace(/^https?:\/\/hf\.co\//i, `${defaultEndpoint}/`); // which only redirects
  const url = URL.canParse(address) ? new URL(address) : undefined;
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
    const from = { repo: `${owner}/${repo}`, revision };
    const empty = rest.every((part) => part === '');
    const bare = (kind === undefined || kind === '') && !/\.gguf$/i.test(repo);
    if (bare && empty) return { from: { ...from, revision: mainRevision } };
    if (kind === 'tree' && /^[\w.-]+$/.test(revision) && empty) return { from };
    if ((kind === 'resolve' || kind === 'blob') && !empty) {
      if (revision === mainRevision) return hubFile(endpoint, from, rest.join('/'));
      url.pathname = url.pathname.replace('/blob/', '/resolve/');
      return addressed(url, [owner, `${repo}@${revision}`, ...rest]);
    }
  }
  return addressed(url, [url.host.replaceAll(/[[\]:]/g, '_'), ...path]);
}

function addressed(url: URL, segments: readonly string[]): FileSource {
  const paths = shardsToPull(url.pathname);
  return {
    urls: paths.map((pathname) => Object.assign(new URL(url), { pathname }).href),
    files: paths.map((pathname) => decoded(pathname.split('/').at(-1)!)),
    names: () => shardsOf(nameOf(segments)),
  };
}

/** A segment of a path with its escapes decoded; unchanged if they are invalid. */
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
  const short = typeof text === 'string' && !text.includes('/');
  const near = short
    ? nearest(
        text,
        modelCatalog.map(({ name }) => name),
      )
    : undefined;
  const help = near
    ? `; did you mean ${near}?`
    : short
      ? '; bitnet pull --list lists short names.'
      : '.';
  return new BitnetError(
    'ERR_BITNET_ARGUMENT',
    `Expected owner/repo, owner/repo/file.gguf, a short name or an http or https address without a user name, but received ${found}${help}`,
  );
}
