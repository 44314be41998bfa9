import type { Adapter } from '../../lib/model/adapter/adapter.js';
import type { Model } from '../../lib/model/model.js';
import type { Session } from '../../lib/model/session/session.js';
import type { Setting } from './setting.js';
import type { BenchTest, Room } from './tests.js';

/** The sessions of a trial: a set for each number of adapters, so that none is ever evaluated again with others. */
export class BenchSessions {
  readonly #model: Model;
  readonly #room: Room;
  readonly #adapters: readonly Adapter[];
  readonly #cold: readonly Adapter[];
  readonly #sets = new Map<number, Session[]>();
  #coldSession: Session | undefined;
  #coldRuns = 0;

  private constructor(
    model: Model,
    room: Room,
    adapters: readonly Adapter[],
    cold: readonly Adapter[],
  ) {
    this.#model = model;
    this.#room = room;
    this.#adapters = adapters;
    this.#cold = cold;
    this.#set(0);
  }

  static async open(
    model: Model,
    room: Room,
    { adapters = [], coldAdapters = 0 }: Setting,
  ): Promise<BenchSessions> {
    const loaded: Adapter[] = [];
    for (const path of adapters) loaded.push(await model.loadAdapter(path));
    const cold: Adapter[] = [];
    for (let i = 0; i < coldAdapters; i++) {
      cold.push(await model.loadAdapter(adapters[i % adapters.length]!, { onDemand: true }));
    }
    return new BenchSessions(model, room, loaded, cold);
  }

  /** As many as the test has sequences, or more. */
  of({ adapters = 0, cold }: BenchTest): readonly Session[] {
    return cold ? [this.#nextCold()] : this.#set(adapters);
  }

  #set(adapters: number): Session[] {
    const { contextLength, sequences } = this.#room;
    const made =
      this.#sets.get(adapters) ??
      Array.from({ length: sequences }, (_, i) => {
        const adapter = this.#adapters[i % adapters];
        return this.#model.createSession({
          contextLength,
          ...(adapters > 0 && { adapters: [{ adapter: adapter! }] }),
        });
      });
    this.#sets.set(adapters, made);
    return made;
  }

  /** With the adapter that was not used for the longest time. */
  #nextCold(): Session {
    this.#coldSession?.close();
    const adapter = this.#cold[this.#coldRuns++ % this.#cold.length]!;
    const { contextLength } = this.#room;
    this.#coldSession = this.#model.createSession({ contextLength, adapters: [{ adapter }] });
    return this.#coldSession;
  }
}
