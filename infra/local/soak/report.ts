import Table from "cli-table3";
import type { AuditResult } from "./audit-process.ts";
import { FAULT_KINDS } from "./faults.ts";
import type { Fired } from "./fire.ts";
import { type Front, RATES, type SystemName } from "./front.ts";
import { type Tally, TOLD } from "./tally.ts";
import { WISHES, type WishKind } from "./wishes.ts";
import type { Testimony } from "./witness.ts";

/** Everything a soak came to. */
export interface Figures {
  seed: number;
  seconds: number;
  fired: Fired;
  /** How often an alias was set. */
  promotions: number;
  /** Of each model. */
  wishes: readonly Readonly<Record<WishKind, number>>[];
  /** What became of each of MLflow's deliveries. */
  deliveries: readonly string[];
  faults: ReturnType<Front["counts"]>;
  told: Pick<Tally, "of">;
  /** By how the version was made, then by how its deployment ended. */
  endings: ReadonlyMap<string, ReadonlyMap<string, number>>;
  /** What was still under way when the time to settle was over. */
  underWay: readonly string[];
  settledSeconds: number;
  audit: AuditResult;
  testimony: Testimony;
}

export function formatFigures(figures: Figures): readonly string[] {
  const { seed, seconds, fired, promotions, settledSeconds, underWay, audit, testimony } = figures;
  return [
    "",
    formatEndings(figures.endings),
    formatFaults(figures.faults),
    `${promotions} promotions came to ${deploymentsOf(figures.endings)} deployments: the others found what they asked for wanted already, or the registry at another version.`,
    `moves of aliases: ${joined(WISHES.map((wish) => [wish, figures.wishes.reduce((sum, one) => sum + one[wish], 0)]))}`,
    `deliveries of MLflow: ${joined([...Map.groupBy(figures.deliveries, (one) => one)].map(([name, all]) => [name, all.length]))}`,
    `told by the app, as far as it lived to: ${joined(TOLD.map((event) => [event, figures.told.of(event)]))}`,
    `seen on the cluster: ${testimony.changes} changes of what runs, ${testimony.contradictions.length} that must not be`,
    ...testimony.contradictions.map((sentence) => `  ${sentence}`),
    ...underWay.map((sentence) => `still under way after ${settledSeconds.toFixed(0)} s: ${sentence}`),
    ...(fired.ownEnds === 0 ? [] : [`the app ended ${fired.ownEnds} times although nobody killed it`]),
    "",
    "npm run audit:",
    audit.text,
    "",
    `${promotions} promotions, ${fired.kills} kills, ${fired.busCuts} cuts of the bus, ${faultsOf(figures.faults)} faults; at rest ${settledSeconds.toFixed(0)} s after the last of them; ${seconds.toFixed(0)} s in all; seed ${seed}.`,
  ];
}

function deploymentsOf(endings: Figures["endings"]): number {
  return [...endings.values()].flatMap((row) => [...row.values()]).reduce((sum, count) => sum + count, 0);
}

function joined(counts: readonly (readonly [string, number])[]): string {
  return counts.map(([name, count]) => `${count} ${name}`).join(", ");
}

function faultsOf(faults: Figures["faults"]): number {
  return Object.values(faults).reduce((sum, one) => sum + FAULT_KINDS.reduce((all, kind) => all + one[kind], 0), 0);
}

function formatFaults(faults: Figures["faults"]): string {
  const table = new Table({ head: ["faults", "of 1,000", ...FAULT_KINDS], style: { head: [], border: [] } });
  for (const name of Object.keys(RATES) as SystemName[])
    table.push([name, RATES[name], ...FAULT_KINDS.map((kind) => faults[name][kind])]);
  return table.toString();
}

const PHASES = ["Succeeded", "RolledBack", "Rejected", "Superseded", "Failed", "RollbackFailed"];

function formatEndings(endings: Figures["endings"]): string {
  const others = [...new Set([...endings.values()].flatMap((row) => [...row.keys()]))].filter(
    (phase) => !PHASES.includes(phase),
  );
  const phases = [...PHASES, ...others];
  const table = new Table({ head: ["endings of", ...phases], style: { head: [], border: [] } });
  for (const [fate, row] of endings) table.push([fate, ...phases.map((phase) => row.get(phase) ?? 0)]);
  return table.toString();
}
