import { type Finding, type FindingKind, type Judgement, type Tally, totalOf } from "../../shared/audit/index.ts";

const COLUMNS = ["asked", "done", "underWay", "lost", "double", "unexpected", "recovered"] as const;
const HEADS: Readonly<Record<(typeof COLUMNS)[number], string>> = {
  asked: "asked",
  done: "done",
  underWay: "under way",
  lost: "lost",
  double: "double",
  unexpected: "unexpected",
  recovered: "recovered",
};
/** Characters of a column. */
const CELL = 12;
const KINDS: readonly FindingKind[] = ["lost", "double", "unexpected"];

/** What an audit found, for people: a row a target, the total, and a sentence for each finding. */
export function formatReport({ targets, findings }: Judgement): string {
  const rows = targets.length === 1 ? targets : [...targets, totalOf(targets)];
  const sentences = KINDS.flatMap((kind) => findings.filter((one) => one.kind === kind).map(toLine));
  return [...formatTable(rows), "", ...(sentences.length === 0 ? [] : [...sentences, ""]), verdict(findings)].join(
    "\n",
  );
}

/** The same for machines, on one line. */
export function toJson({ targets, findings, recovered }: Judgement): string {
  return JSON.stringify({ total: totalOf(targets), targets, findings, recovered });
}

function formatTable(rows: readonly Tally[]): readonly string[] {
  const width = Math.max("target".length, ...rows.map(({ target }) => target.length));
  const line = (name: string, cells: readonly string[]) =>
    [name.padEnd(width), ...cells.map((cell) => cell.padStart(CELL))].join("");
  const heads = COLUMNS.map((column) => HEADS[column]);
  return [line("target", heads), ...rows.map((row) => line(row.target, cellsOf(row)))];
}

function cellsOf(row: Tally): readonly string[] {
  return COLUMNS.map((column) => String(row[column]));
}

function toLine({ kind, sentence }: Finding): string {
  return `${kind}: ${sentence}`;
}

function verdict(findings: readonly Finding[]): string {
  if (findings.length === 0) return "Nothing is lost, double or unexpected.";
  const counts = KINDS.map((kind) => `${findings.filter((one) => one.kind === kind).length} ${kind}`);
  return `Found: ${counts.join(", ")}.`;
}
