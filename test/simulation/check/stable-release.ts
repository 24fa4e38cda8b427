import { readBundleText, SCHEMA } from "../../../shared/adapters/tables/rows.ts";
import type { Release } from "../../../shared/domain/release.ts";
import type { Evidence } from "./checks.ts";

const names = new Map<string, ReadonlySet<string>>();

/** The objects of a target's stable release, as `ConfigMap churn-config-1`; undefined: it has none, or its bundle is gone. */
export function stableObjects({ table, targets }: Evidence, target: string): ReadonlySet<string> | undefined {
  const id = targets.get(target)?.stable?.releaseId;
  const row = table.rows(target).find(({ rowKey }) => rowKey === `release:${id}`);
  if (id === undefined || row === undefined) return undefined;
  const known = names.get(id);
  if (known !== undefined) return known;
  // Both builds write the same bundles.
  const { hashed, fixed } = JSON.parse(readBundleText({ ...row, schema: SCHEMA })) as Release;
  const found = new Set([...hashed, ...fixed].map(({ kind, metadata }) => `${kind} ${metadata.name}`));
  // What an id stands for never changes.
  names.set(id, found);
  return found;
}
