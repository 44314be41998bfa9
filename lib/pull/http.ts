import type { Dispatcher, EnvHttpProxyAgent } from 'undici';
import { variable } from '../environment.js';
import { BitnetError } from '../errors.js';
import { tolerantFactory } from './close-delimited.js';
import { abortedError, connectionError, networkError, shown, statusError } from './failures.js';

/** More redirects than this are a loop. */
const maxRedirects = 10;

/** Bytes of the page of a redirect or error that are read to keep its connection open. */
const maxDroppedBytes = 64 * 1024;

export interface HttpSettings {
  /** Of the hub, see `hubEndpoint`. */
  readonly endpoint: string;
  /** Sent only to the origin of the endpoint. */
  readonly token: string | undefined;
  /** Milliseconds of silence after which a connection counts as broken. */
  readonly stallTimeout: number;
}

export interface HttpRequest {
  /** First byte of the response. @default 0: all of it */
  readonly from?: number;
  readonly signal: AbortSignal | undefined;
}

export interface HttpAnswer {
  /** 200 or, for a range request, 206 or 416. */
  readonly status: number;
  readonly headers: Dispatcher.ResponseData['headers'];
  readonly body: Dispatcher.ResponseData['body'];
  /** SHA-256 of the whole file, if any hop sent it. */
  readonly sha256?: string;
  /** Bytes of the whole file, if any hop sent it. */
  readonly size?: number;
}

type Known = Pick<HttpAnswer, 'sha256' | 'size'>;

/** GET requests with redirects, through the proxy in the environment. Close it after use. */
export class Http {
  readonly endpoint: string;
  readonly #settings: HttpSettings;
  readonly #request: typeof import('undici').request;
  readonly #agent: EnvHttpProxyAgent;

  private constructor(settings: HttpSettings, undici: typeof import('undici')) {
    this.endpoint = settings.endpoint;
    this.#settings = settings;
    this.#request = undici.request;
    const { stallTimeout } = settings;
    this.#agent = new undici.EnvHttpProxyAgent({
      ...proxies(),
      factory: tolerantFactory(undici),
      connect: { timeout: stallTimeout },
      headersTimeout: stallTimeout,
      bodyTimeout: stallTimeout,
      proxyTunnel: false, // plain http goes to a proxy as such: many tunnel to port 443 only
    });
  }

  /** @throws ERR_BITNET_ARGUMENT when a proxy variable is not an address */
  static async open(settings: HttpSettings): Promise<Http> {
    const undici = await import('undici'); // loaded only by pull
    try {
      return new Http(settings, undici);
    } catch (cause) {
      throw new BitnetError(
        'ERR_BITNET_ARGUMENT',
        'Expected HTTP_PROXY and HTTPS_PROXY to be addresses like http://host:port, but one is not; correct or unset it.',
        { cause },
      );
    }
  }

  /** @throws ERR_BITNET_NETWORK, ERR_BITNET_ABORTED */
  async get(address: string, { from = 0, signal }: HttpRequest): Promise<HttpAnswer> {
    let url = new URL(address);
    let known: Known = {};
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const answer = await this.#hop(url, from, signal);
      const { statusCode: status, headers, body } = answer;
      known = { ...linked(headers), ...known };
      if (status === 200 || (from > 0 && (status === 206 || status === 416))) {
        return { status, headers, body, ...known };
      }
      await body.dump({ limit: maxDroppedBytes }).catch(() => {});
      if (![301, 302, 303, 307, 308].includes(status))
        throw this.#refused(address, status, headers);
      url = redirected(url, headers.location);
    }
    throw networkError(
      `Expected at most ${maxRedirects} redirects from ${shown(address)}, but there are more; check the address.`,
    );
  }

  /**
   * A response as text, cut off after about `limit` bytes.
   * @throws ERR_BITNET_NETWORK, ERR_BITNET_ABORTED
   */
  async text(url: string, limit: number, signal: AbortSignal | undefined): Promise<string> {
    const { body } = await this.get(url, { signal });
    const chunks: Buffer[] = [];
    let bytes = 0;
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        chunks.push(chunk);
        bytes += chunk.length;
        if (bytes > limit) break;
      }
    } catch (error) {
      if (signal?.aborted) throw abortedError(signal);
      throw connectionError(url, error as NodeJS.ErrnoException);
    }
    return Buffer.concat(chunks).toString();
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #hop(url: URL, from: number, signal: AbortSignal | undefined) {
    const { token, endpoint } = this.#settings;
    const headers: Record<string, string> = {
      'user-agent': 'bitnet',
      'accept-encoding': 'identity',
    };
    if (from > 0) headers.range = `bytes=${from}-`;
    if (token && url.origin === new URL(endpoint).origin) headers.authorization = `Bearer ${token}`;
    try {
      return await this.#request(url, { dispatcher: this.#agent, headers, signal: signal ?? null });
    } catch (error) {
      if (signal?.aborted) throw abortedError(signal);
      throw connectionError(url, error as NodeJS.ErrnoException);
    }
  }

  #refused(url: string, status: number, headers: HttpAnswer['headers']): BitnetError {
    const { endpoint, token } = this.#settings;
    const path = url.startsWith(`${endpoint}/`) ? url.slice(endpoint.length + 1) : '';
    const repo = /^(?:api\/models\/)?([^/]+\/[^/?]+)/.exec(path)?.[1];
    const seconds = Number.parseInt(`${headers['retry-after'] ?? ''}`, 10);
    return statusError({
      ...{ url, status, retryAfter: seconds >= 0 ? seconds : undefined },
      ...(repo && { hub: { endpoint, repo, token: token !== undefined } }),
    });
  }
}

/** The proxies of the environment; undici itself would take an empty `http_proxy` before `HTTP_PROXY`. */
function proxies() {
  const either = (name: string) => variable(name) ?? variable(name.toUpperCase()) ?? '';
  return {
    httpProxy: either('http_proxy'),
    httpsProxy: either('https_proxy'),
    noProxy: either('no_proxy'),
  };
}

/** What the hub says about a file in its redirect. */
function linked(headers: HttpAnswer['headers']): Known {
  const etag = /^"?([0-9a-f]{64})"?$/i.exec(`${headers['x-linked-etag'] ?? ''}`);
  const size = /^\d{1,15}$/.exec(`${headers['x-linked-size'] ?? ''}`);
  return {
    ...(etag && { sha256: etag[1]!.toLowerCase() }),
    ...(size && { size: Number(size[0]) }),
  };
}

function redirected(from: URL, location: unknown): URL {
  const to =
    typeof location === 'string' && URL.canParse(location, from.href) && new URL(location, from);
  if (!to || !/^https?:$/.test(to.protocol)) {
    throw networkError(
      `Expected ${shown(from)} to redirect to an http or https address, but it does not; check the address.`,
    );
  }
  if (from.protocol === 'https:' && to.protocol === 'http:') {
    throw networkError(
      `Expected ${shown(from)} to stay with https, but it redirects to ${shown(to)}, where anyone on the way could change the file; check the address.`,
    );
  }
  return to;
}
