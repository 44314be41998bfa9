// Error messages for failures between this machine, a proxy and a server.
import { abortError } from '../abort.js';
import { BitnetError } from '../errors.js';

/** @param fields `retryable`: whether the same request may succeed later; `status`: of HTTP */
export function networkError(
  message: string,
  fields: Readonly<Record<string, unknown>> = {},
): BitnetError {
  return new BitnetError('ERR_BITNET_NETWORK', message, fields);
}

export function isRetryable(error: unknown): boolean {
  return error instanceof BitnetError && (error as { retryable?: boolean }).retryable === true;
}

export function abortedError(signal: AbortSignal): BitnetError {
  return abortError('Pulling the model was aborted.', signal.reason);
}

/** A URL for messages: without its query, which may contain a signature. */
export function shown(url: string | URL): string {
  const { origin, pathname } = new URL(url);
  return `${origin}${pathname}`;
}

/** A connection that failed or broke. `url` is the hop where it happened. */
export function connectionError(url: string | URL, cause: NodeJS.ErrnoException): BitnetError {
  const { code = '', message } = deepest(cause);
  const where = new URL(url).host;
  const certificate = /CERT|SELF_SIGNED|UNABLE_TO_|ERR_TLS/.test(code);
  const known: Record<string, [string, string]> = {
    ENOTFOUND: ['its name is unknown', 'check the address and the network'],
    EAI_AGAIN: ['its name cannot be looked up', 'check the network'],
    ECONNREFUSED: ['it refuses the connection', 'check the address, the port and the proxy'],
    UND_ERR_CONNECT_TIMEOUT: ['it does not answer', 'check the network, or a proxy (HTTPS_PROXY)'],
    UND_ERR_HEADERS_TIMEOUT: ['it does not answer the request', 'try again later'],
    UND_ERR_BODY_TIMEOUT: ['it stopped sending', 'pull again to resume'],
    ECONNRESET: ['it closed the connection', 'pull again to resume'],
    UND_ERR_SOCKET: ['it closed the connection', 'pull again to resume'],
  };
  const [what, advice] = known[code] ?? [
    `the connection failed with "${message}"`,
    certificate
      ? 'check the clock, or name the missing authority in NODE_EXTRA_CA_CERTS'
      : 'check the network and the proxy',
  ];
  return networkError(`Expected an answer from ${where}, but ${what}; ${advice}.`, {
    retryable: !certificate,
    cause,
  });
}

/** The first cause of an error that Node wraps after trying several addresses of one host. */
function deepest(error: NodeJS.ErrnoException): NodeJS.ErrnoException {
  const inner = (error as { errors?: unknown[] }).errors?.[0] ?? error.cause;
  return inner instanceof Error && !error.code?.startsWith('UND_') ? deepest(inner) : error;
}

export interface Refusal {
  readonly url: string;
  readonly status: number;
  /** The repository, if the address is on the hub. */
  readonly hub?: { readonly endpoint: string; readonly repo: string; readonly token: boolean };
  /** Seconds after which the server asks to try again. */
  readonly retryAfter?: number | undefined;
}

/** A server's answer that is not the file. */
export function statusError(refusal: Refusal): BitnetError {
  const { url, status, hub, retryAfter } = refusal;
  const fields = {
    status,
    retryAfter,
    retryable: status === 408 || status === 429 || status >= 500,
  };
  const answer = `the server answered ${status}`;
  if (status === 401 || status === 403) {
    return networkError(`Expected access to ${shown(url)}, but ${answer}; ${remedy(hub)}.`, fields);
  }
  if (status === 404 || status === 410) {
    const message = `Expected a file at ${shown(url)}, but there is none (${answer}); check the spelling.`;
    return networkError(message, fields);
  }
  const advice = fields.retryable ? 'try again later' : 'check the address';
  return networkError(`Expected the file ${shown(url)}, but ${answer}; ${advice}.`, fields);
}

function remedy(hub: Refusal['hub']): string {
  if (!hub) return 'it does not serve this file to everybody, so get it by other means';
  const page = `${hub.endpoint}/${hub.repo}`;
  const tokens = `${hub.endpoint}/settings/tokens`;
  return hub.token
    ? `the token that was sent does not open it: check the name, accept the conditions on ${page}, or make another token on ${tokens}`
    : `check the name, and if it is gated or private accept its conditions on ${page}, make a token on ${tokens} and set HF_TOKEN to it`;
}
