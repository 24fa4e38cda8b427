/** Runs a controller's `sync` for every key added, once however often it was added before its turn. */
export interface WorkQueue {
  add(namespace: string | undefined, name: string): void;
  /** Adds the key later; a second call for the key replaces the first. */
  addAfter(namespace: string | undefined, name: string, milliseconds: number): void;
  close(): void;
}

/** How long a key whose sync threw waits for its next turn. */
const RETRY_MILLISECONDS = 1_000;

/** What a queue works with. */
export interface Work {
  sync(namespace: string, name: string): void;
  /** Told of everything `sync` throws. */
  failed(error: unknown, key: string): void;
  /** Keys for which this holds have their turn before the others that wait. */
  isUrgent?(namespace: string, name: string): boolean;
}

/** A queue that works in `setImmediate`. */
export function createWorkQueue({ sync, failed, isUrgent = () => false }: Work): WorkQueue {
  const keys = new Set<string>();
  const timers = new Map<string, NodeJS.Timeout>();
  let scheduled: NodeJS.Immediate | undefined;
  let closed = false;

  const schedule = (key: string): void => {
    if (closed) return;
    keys.add(key);
    scheduled ??= setImmediate(drain);
  };
  const later = (key: string, milliseconds: number): void => {
    clearTimeout(timers.get(key));
    if (closed) return;
    const timer = setTimeout(() => {
      timers.delete(key);
      schedule(key);
    }, milliseconds);
    timers.set(key, timer.unref());
  };
  const run = (key: string): void => {
    try {
      sync(...parts(key));
    } catch (error) {
      failed(error, key);
      later(key, RETRY_MILLISECONDS);
    }
  };
  const drain = (): void => {
    scheduled = undefined;
    const { urgent = [], other = [] } = Object.groupBy(keys, (key) => (isUrgent(...parts(key)) ? "urgent" : "other"));
    keys.clear();
    for (const key of [...urgent, ...other]) if (!closed) run(key);
  };

  return {
    add: (namespace, name) => schedule(`${namespace ?? ""}/${name}`),
    addAfter: (namespace, name, milliseconds) => later(`${namespace ?? ""}/${name}`, milliseconds),
    close() {
      closed = true;
      clearImmediate(scheduled);
      for (const timer of timers.values()) clearTimeout(timer);
      timers.clear();
    },
  };
}

function parts(key: string): [string, string] {
  const [namespace = "", name = ""] = key.split("/");
  return [namespace, name];
}
