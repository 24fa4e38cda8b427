import type { Build, Patch } from "./patches.ts";

const ROWS = "shared/adapters/tables/rows.ts";
const STORE = "shared/adapters/tables/deployment-store.ts";

/** Rows of schema 2: a deployment has a note, and one that waits is written as Parked; those of schema 1 are read too. */
const rows: readonly Patch[] = [
  { file: ROWS, find: "export const SCHEMA = 1;", replace: "export const SCHEMA = 2;" },
  {
    file: ROWS,
    find: "/** Content gzipped into properties",
    replace: `/** A deployment as a row of schema 2 holds it. */
export function toStored(deployment: Deployment): unknown {
  return deployment.phase === "Waiting" ? { ...deployment, phase: "Parked" } : deployment;
}

/** @throws PermanentError when a deployment of schema 2 has no note. */
export function readDeploymentRow(row: Record<string, unknown>): Deployment {
  const stored = readText<Deployment>(row);
  if (row["schema"] === 1) return { ...stored, note: "" };
  if (typeof stored.note !== "string") throw new PermanentError("bad-answer", "A deployment has no note.");
  return (stored as { phase: string }).phase === "Parked" ? ({ ...stored, phase: "Waiting" } as Waiting) : stored;
}

/** Content gzipped into properties`,
  },
  {
    file: ROWS,
    find: 'import { PermanentError, TransientError } from "../../domain/errors.ts";',
    replace: `import type { Deployment, Waiting } from "../../domain/deployment.ts";
import { PermanentError, TransientError } from "../../domain/errors.ts";`,
  },
  {
    file: STORE,
    find: "readVersioned<Deployment>(target, deploymentRow(generation))",
    replace: `table.read(target, deploymentRow(generation)).then((row) =>
        row === undefined ? undefined : { value: readDeploymentRow(row), etag: row.etag },
      )`,
  },
  { file: STORE, find: "readText<Deployment>(row)", replace: "readDeploymentRow(row)" },
  {
    file: STORE,
    find: "row(deploymentRow(value.generation), value, etag)",
    replace: "row(deploymentRow(value.generation), toStored(value), etag)",
  },
  {
    file: STORE,
    find: "import { bundleProperties,",
    replace: "import { bundleProperties, readDeploymentRow, toStored,",
  },
];

/** Whence the note comes, and that no later save drops it. */
const note: readonly Patch[] = [
  {
    file: "shared/domain/deployment.ts",
    find: "  work: Work;\n  /** Generations",
    replace: "  work: Work;\n  /** Who accepted it. */\n  note: string;\n  /** Generations",
  },
  {
    file: "shared/domain/accept.ts",
    find: "    work: {},\n",
    replace: '    work: {},\n    note: "accepted by next",\n',
  },
  {
    file: "shared/domain/ending.ts",
    find: "createdAt, work, linked }",
    replace: "createdAt, work, note, linked }",
  },
  { file: "shared/domain/ending.ts", find: "createdAt, work },", replace: "createdAt, work, note }," },
];

/** Messages say which build sent them; those of the present one do not. */
const message: readonly Patch[] = [
  {
    file: "shared/domain/owed.ts",
    find: "export interface StepMessage {\n",
    replace: "export interface StepMessage {\n  /** The build that sent it. */\n  build?: string;\n",
  },
  {
    file: "shared/domain/owed.ts",
    find: "    sequence: deployment.sequence,\n",
    replace: '    sequence: deployment.sequence,\n    build: "next",\n',
  },
  {
    file: "shared/steps/messages.ts",
    find: "const which = {\n",
    replace: "const which = {\n  build: z.string().max(64).exactOptional(),\n",
  },
];

/**
 * A Belay one schema version further, made of the same sources: it writes schema 2 and reads 1 and 2, every deployment
 * has a field more, one that waits is stored under another phase, and its messages have a field more.
 */
export const NEXT: Build = { name: "next", patches: [...rows, ...note, ...message] };
