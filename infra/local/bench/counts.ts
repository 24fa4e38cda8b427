/** Counters by name. */
export type Counts = Readonly<Record<string, number>>;

/** What was added between two readings; names that stood still are left out. */
export function added(before: Counts, after: Counts): Counts {
  const entries = Object.entries(after).map(([name, count]) => [name, count - (before[name] ?? 0)] as const);
  return Object.fromEntries(entries.filter(([, count]) => count !== 0));
}

export function sum(counts: Counts): number {
  return Object.values(counts).reduce((total, count) => total + count, 0);
}

/** Those whose name the predicate picks. */
export function pick(counts: Counts, picks: (name: string) => boolean): Counts {
  return Object.fromEntries(Object.entries(counts).filter(([name]) => picks(name)));
}
