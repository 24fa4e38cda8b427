/** Counts work that must end before the host may. */
export interface InFlight {
  /** Follows the work to its end; its failure is the caller's to handle. */
  track<T>(work: Promise<T>): Promise<T>;
  /** Resolves to true when nothing runs any more, to false when that takes longer than so many milliseconds. */
  drained(milliseconds: number): Promise<boolean>;
}

export function createInFlight(): InFlight {
  const running = new Set<Promise<unknown>>();

  async function settled(): Promise<true> {
    while (running.size > 0) await Promise.allSettled(running);
    return true;
  }

  return {
    async track(work) {
      running.add(work);
      try {
        return await work;
      } finally {
        running.delete(work);
      }
    },
    async drained(milliseconds) {
      const { promise: late, resolve } = Promise.withResolvers<boolean>();
      const timer = setTimeout(resolve, milliseconds, false);
      try {
        return await Promise.race([settled(), late]);
      } finally {
        clearTimeout(timer);
      }
    },
  };
}
