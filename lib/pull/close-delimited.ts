import type { Socket } from 'node:net';
import type { buildConnector, Client, Dispatcher, Pool } from 'undici';

/** The parts of undici that this needs, which is loaded late. */
interface Undici {
  readonly Pool: typeof Pool;
  readonly buildConnector: typeof buildConnector;
}

/** What undici 7 has at a socket under the symbol "parser". */
interface Parser {
  paused: boolean;
  readonly ptr: number;
  readonly llhttp: { llhttp_resume(ptr: number): void };
  resume(): void;
}

/**
 * A factory for undici's agents whose connections survive a server that closes its end while the reader is still busy,
 * as every HTTP/1.0 server does after each answer. undici 7 throws an assertion out of reach of any `catch` then (its
 * issue 5360, mended in 8, which needs Node 22): the paused parser is told to go on just before. It has all bytes there
 * will be by then.
 */
export function tolerantFactory({ Pool, buildConnector }: Undici) {
  return (origin: string | URL, options: object): Dispatcher => {
    const { connect: given, ...rest } = options as Client.Options;
    const connect = typeof given === 'function' ? given : buildConnector({ ...given });
    return new Pool(origin, {
      ...rest,
      connect: (request, callback) =>
        connect(request, (...[error, socket]) => {
          if (error) return callback(error, null);
          // undici's own listeners come later, and are called later.
          for (const event of ['end', 'error', 'close']) {
            socket.on(event, () => resumeParser(socket));
          }
          callback(null, socket);
        }),
    });
  };
}

function resumeParser(socket: Socket): void {
  const symbol = Object.getOwnPropertySymbols(socket).find((s) => s.description === 'parser');
  const parser = symbol && (socket as unknown as Record<symbol, Parser | null>)[symbol];
  if (parser?.paused) parser.resume(); // to the end of a body whose length is known
  if (!parser?.paused) return;
  parser.llhttp.llhttp_resume(parser.ptr); // the end of the connection is that of the body, or cuts it
  parser.paused = false;
}
