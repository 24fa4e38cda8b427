/** Runs a controller's `sync` for every key added, once however often it was added before its turn. */
export interface WorkQueue {
  add(namespace: string | undefined, name: string): void;
  /** Adds the key later; a second call for the key replaces the first. */
  addAfter(namespace: string | undefined, name: string, milliseconds: number): void;
  close(): void;
}

/** How long a key whose sync threw waits for its next turn. */
const RETRY_MILLISECONDS = 1_000;

/** A queue that works in `setImmediate`; `failed` is told of everything `sync` throws. */
export function createWorkQueue(
  sync: (namespace: string, name: string) => void,
  failed: (error: unknown, key: string) => void,
): WorkQueue {
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
    const [namespace = "", name = ""] = key.split("/");
    try {
      sync(namespace, name);
    } catch (error) {
      failed(error, key);
      later(key, RETRY_MILLISECONDS);
    }
  };
  const drain = (): void => {
    scheduled = undefined;
    const turn = [...keys];
    keys.clear();
    for (const key of turn) if (!closed) run(key);
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
