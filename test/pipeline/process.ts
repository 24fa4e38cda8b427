/** Thrown where the process dies; nothing of it lives on. */
export class Crash extends Error {}

/** What happens at one point of a run. */
export type Fate = "go on" | "die" | "freeze";

/** A worker process whose calls to the outside are points at which it can die or freeze. */
export interface WorkerProcess {
  wrap<T extends object>(name: string, port: T): T;
  /** Resolves when the process has frozen. */
  readonly frozen: boolean;
  thaw(): void;
}

/** Every call to a port is two points: before it and after it. `fate` is asked at each. */
export function createProcess(fate: (point: string) => Fate): WorkerProcess {
  let dead = false;
  let frozen = false;
  let release: () => void = () => {};
  const thawed = new Promise<void>((resolve) => {
    release = resolve;
  });
  const at = async (point: string) => {
    if (dead) throw new Crash(point);
    const what = fate(point);
    if (what === "die") {
      dead = true;
      throw new Crash(point);
    }
    if (what === "freeze") {
      frozen = true;
      await thawed;
    }
  };
  return {
    get frozen() {
      return frozen;
    },
    thaw: () => release(),
    wrap: (name, port) =>
      new Proxy(port, {
        get: (object, member, receiver) => {
          const value: unknown = Reflect.get(object, member, receiver);
          if (typeof value !== "function") return value;
          return async (...parameters: unknown[]) => {
            const point = `${name}.${String(member)}`;
            await at(`before ${point}`);
            const result: unknown = await value.apply(object, parameters);
            await at(`after ${point}`);
            return result;
          };
        },
      }),
  };
}
