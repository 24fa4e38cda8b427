import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";

const ROOT = join(import.meta.dirname, "..");
const BIOME = join(ROOT, "node_modules", ".bin", process.platform === "win32" ? "biome.cmd" : "biome");

/** One line of code in one place (a folder, or a file by its name), and the rule it is about. */
interface Planted {
  why: string;
  place: string;
  line: string;
  rule: string;
}

const IMPORT = "lint/style/noRestrictedImports";

const imports = (why: string, place: string, from: string): Planted => ({
  why,
  place,
  line: `export * from "${from}";`,
  rule: IMPORT,
});

const GLOBALS = "lint/style/noRestrictedGlobals";
/** infra/lint/determinism.grit */
const PLUGIN = "plugin";

const says = (why: string, place: string, line: string, rule = PLUGIN): Planted => ({ why, place, line, rule });

/** Time, chance, timers and connections come in by ports, so that the same inputs take the same course. */
const undetermined: readonly Planted[] = [
  says("a decision reads no clock", "shared/domain", "export const at = Date.now();"),
  says("nor hands one on", "shared/domain", "export const clock = Date.now;"),
  says("nor reads it by another spelling", "shared/domain", 'export const at = Date["now"]();'),
  says("nor where it may be missing", "shared/domain", "export const at = Date?.now();"),
  says("nor by taking it apart", "shared/domain", "export const { now } = Date;"),
  says("a date without a time is now", "shared/steps", "export const at = new Date();"),
  says("so is one without brackets", "shared/steps", "export const at = new Date;"),
  says("so is a date as text", "shared/steps", "export const at = Date();"),
  says("the processor's clock is a clock", "shared/steps", "export const at = process.hrtime.bigint();"),
  says("so is the process's age", "shared/steps", "export const at = process.uptime();"),
  says("so is the performance counter", "shared/steps", "export const at = performance.now();", GLOBALS),
  says("and under its module's name", "shared/planted.ts", 'export * from "node:perf_hooks";'),
  says("a limit on time is the clock port's", "shared/steps", "export const limit = AbortSignal.timeout(1);"),
  says("whatever its spelling", "shared/steps", 'export const limit = AbortSignal["timeout"](1);'),
  says("nothing is left to chance", "shared/domain", "export const any = Math.random();"),
  says("nor taken from its hands", "shared/domain", "export const { random } = Math;"),
  says("whatever the spelling", "shared/domain", 'export const any = Math["random"]();'),
  says("no id is drawn", "shared/steps", "export const id = crypto.randomUUID();", GLOBALS),
  says("nor drawn from the module", "shared/webhook", 'export { randomUUID } from "node:crypto";'),
  says("nor imported to be drawn", "shared/webhook", 'import { randomUUID } from "node:crypto";'),
  says("nor under another name", "shared/webhook", 'import { randomUUID as id } from "node:crypto";'),
  says("no bytes are drawn", "shared/notifiers", 'import { randomBytes } from "node:crypto";'),
  says("nor out of the whole module", "shared/notifiers", "export const bytes = all.randomBytes(8);"),
  says("nothing sleeps", "shared/steps", "setTimeout(() => {}, 1);", GLOBALS),
  says("nothing beats", "shared/steps", "setInterval(() => {}, 1);", GLOBALS),
  says("nothing yields", "shared/steps", "setImmediate(() => {});", GLOBALS),
  says("no timer by its module's name", "shared/planted.ts", 'export * from "node:timers/promises";'),
  says("nor one that is loaded later", "shared/planted.ts", 'export const load = () => import("node:timers");'),
  says("nothing is fetched", "shared/notifiers", 'await fetch("https://a.test");', GLOBALS),
  says("nor over a socket", "shared/notifiers", 'export const socket = new WebSocket("wss://a.test");', GLOBALS),
  says("nor by a module of node's", "shared/config", 'export * from "node:https";'),
  says(
    "the simulator's scheduler has no clock",
    "test/simulation/kernel/scheduler.ts",
    "export const at = Date.now();",
  ),
  says("nothing by the back door", "shared/steps", "globalThis.setTimeout(() => {}, 1);", GLOBALS),
  ...["functions", "shared/ports", "shared/gates", "shared/config", "shared/composition.ts", "test/simulation"].flatMap(
    (place) => [
      says("reads no clock", place, "export const at = Date.now();"),
      says("waits for nothing", place, "setTimeout(() => {}, 1);", GLOBALS),
    ],
  ),
];

const refused: readonly Planted[] = [
  ...undetermined,
  imports("a function decides nothing: no steps", "functions", "../shared/steps/run-step.ts"),
  imports("a function decides nothing: no adapters", "functions", "../shared/adapters/telemetry/log.ts"),
  imports("a function loads no SDK", "functions", "@azure/service-bus"),
  imports("a function knows nothing of the embedded stack", "functions", "../infra/local/build/build.ts"),
  imports("the domain knows no port", "shared/domain", "../ports/cluster.ts"),
  imports("the domain knows no step", "shared/domain", "../steps/step.ts"),
  imports("the domain knows no library", "shared/domain", "zod"),
  imports("the domain knows no node module", "shared/domain", "node:crypto"),
  imports("the digest knows node:crypto and the domain, no more", "shared/domain/digest.ts", "../steps/step.ts"),
  imports("a port knows no adapter", "shared/ports", "../adapters/tables/rows.ts"),
  imports("a port knows no SDK", "shared/ports", "@azure/data-tables"),
  imports("a step knows no adapter", "shared/steps", "../adapters/kubernetes/cluster.ts"),
  imports("a step knows no configuration", "shared/steps", "../config/configuration.ts"),
  imports("a step knows no composition", "shared/steps", "../composition.ts"),
  imports("a step knows no SDK", "shared/steps", "@kubernetes/client-node"),
  imports("a step reads no file", "shared/steps", "node:fs/promises"),
  imports("a strategy knows no step", "shared/strategies", "../steps/step.ts"),
  imports("a gate knows no adapter", "shared/gates", "../adapters/mlflow/schemas.ts"),
  imports("the webhook knows no adapter", "shared/webhook", "../adapters/service-bus/message-bus.ts"),
  imports("the webhook knows no SDK", "shared/webhook", "@azure/service-bus"),
  imports("a notifier knows adapters/http only", "shared/notifiers", "../adapters/mlflow/mlflow-http.ts"),
  imports("an adapter knows no step", "shared/adapters/tables", "../../steps/step.ts"),
  imports("an adapter knows no configuration", "shared/adapters/tables", "../../config/configuration.ts"),
  imports("an adapter knows no composition", "shared/adapters/tables", "../../composition.ts"),
  imports("an adapter knows no other adapter", "shared/adapters/tables", "../kubernetes/cluster.ts"),
  imports("an adapter knows nothing of the host", "shared/adapters/tables", "@azure/functions"),
  imports("the configuration knows no adapter", "shared/config", "../adapters/http/bounded-fetch.ts"),
  imports("the composition leaves the SDKs to the adapters", "shared/composition.ts", "@azure/service-bus"),
  imports("a file beside it does too", "shared/planted.ts", "@kubernetes/client-node"),
  imports("what opens the ports makes no other client", "shared/open-ports.ts", "@kubernetes/client-node"),
  imports("the composition knows nothing of the embedded stack", "shared/composition.ts", "../infra/local/x.ts"),
  imports("nothing in the product knows the embedded stack", "shared/adapters/tables", "../../../infra/local/x.ts"),
  imports("nothing in the product knows the tests", "shared/steps", "../../test/fakes/fake-bus.ts"),
  imports("the audit knows no step", "shared/audit", "../steps/run-step.ts"),
  imports("the audit knows no adapter", "shared/audit", "../adapters/tables/rows.ts"),
  imports("the audit's entry knows no step", "shared/audit/index.ts", "../steps/run-step.ts"),
  imports("the audit's command line knows no port", "infra/audit", "../../shared/ports/cluster.ts"),
  imports("the audit's command line knows no stand-in", "infra/audit", "../local/mlflow/client.ts"),
  imports("a stand-in knows no function", "infra/local/mlflow", "../../../functions/index.ts"),
  imports("a stand-in knows nothing of shared", "infra/local/mlflow", "../../../shared/webhook/signature.ts"),
  imports("a stand-in knows no test", "infra/local/mlflow", "../../../test/fakes/fake-bus.ts"),
  ...["@azure/service-bus", "@azure/data-tables", "@azure/identity", "@azure/arm-containerregistry"].map((sdk) =>
    imports(`${sdk} stays in the adapters`, "shared/steps", sdk),
  ),
  ...["@azure/storage-blob", "@azure/container-registry", "@kubernetes/client-node"].map((sdk) =>
    imports(`${sdk} stays in the adapters`, "shared/notifiers", sdk),
  ),
  {
    why: "a border holds for a type too",
    place: "shared/domain",
    line: 'export type { Cluster } from "../ports/cluster.ts";',
    rule: IMPORT,
  },
  {
    why: "a border holds for what is loaded later",
    place: "shared/steps",
    line: 'export const load = () => import("../adapters/kubernetes/cluster.ts");',
    rule: IMPORT,
  },
  {
    why: "a way round through a neighbour is no way",
    place: "shared/steps",
    line: 'export * from "../domain/../adapters/kubernetes/cluster.ts";',
    rule: IMPORT,
  },
  {
    why: "settings are read in shared/config only",
    place: "shared/steps",
    line: 'export const uri = process.env["MLFLOW_TRACKING_URI"];',
    rule: "lint/style/noProcessEnv",
  },
  imports("nor are they read by another name", "shared/adapters/tables", "node:process"),
  {
    why: "nobody writes to the console but the command line",
    place: "shared/steps",
    line: 'console.log("done");',
    rule: "lint/suspicious/noConsole",
  },
  {
    why: "nor does a stand-in",
    place: "infra/local/mlflow",
    line: 'console.log("done");',
    rule: "lint/suspicious/noConsole",
  },
  {
    why: "no default exports",
    place: "shared/domain",
    line: "export default 1;",
    rule: "lint/style/noDefaultExport",
  },
  {
    why: "no any",
    place: "test/steps",
    line: "export const anything: any = 1;",
    rule: "lint/suspicious/noExplicitAny",
  },
];

const allowed: readonly Planted[] = [
  says("a date of a known time", "shared/domain", "export const day = (epochMs: number) => new Date(epochMs);"),
  says("a date that is read", "shared/domain", 'export const at = Date.parse("2026-09-21T14:13:20Z");'),
  says("the type of a date", "shared/domain", "export const same = (date: Date): Date => date;"),
  says("a sum", "shared/domain", "export const least = Math.min(1, 2);"),
  says("signals together", "shared/steps", "export const both = AbortSignal.any([]);"),
  says("a module that only streams", "shared/steps", 'export * from "node:stream";'),
  says("an adapter is what has the clock", "shared/adapters/clock", "export const at = Date.now();"),
  says("an adapter draws ids", "shared/adapters/clock", 'import { randomUUID } from "node:crypto";'),
  says("an adapter fetches", "shared/adapters/http", 'await fetch("https://a.test");', GLOBALS),
  says("the simulator's start says how long it took", "test/simulation/main.ts", "export const at = Date.now();"),
  says(
    "the simulator's scheduler lets promises run",
    "test/simulation/kernel/scheduler.ts",
    "setImmediate(go);",
    GLOBALS,
  ),
  says("a stand-in has a clock", "infra/local/mlflow", "export const at = Date.now();"),
  imports("a function knows the composition", "functions", "../shared/composition.ts"),
  imports("the domain knows itself", "shared/domain", "./pipeline.ts"),
  imports("the digest knows node:crypto", "shared/domain/digest.ts", "node:crypto"),
  imports("the composition knows the adapters", "shared/composition.ts", "./adapters/tables/deployment-store.ts"),
  imports("what opens the ports makes the clients", "shared/open-ports.ts", "@azure/data-tables"),
  imports("the audit knows a port", "shared/audit", "../ports/cluster.ts"),
  imports("the audit's entry opens the ports", "shared/audit/index.ts", "../open-ports.ts"),
  imports("the audit's command line knows the audit", "infra/audit", "../../shared/audit/index.ts"),
  imports("the audit's command line finds its Node", "infra/audit", "../local/cli/node-version.js"),
  imports("a step knows a port", "shared/steps", "../ports/cluster.ts"),
  imports("an adapter knows its SDK", "shared/adapters/tables", "@azure/data-tables"),
  imports("an adapter knows the domain", "shared/adapters/tables", "../../domain/errors.ts"),
  imports("a notifier knows adapters/http", "shared/notifiers", "../adapters/http/bounded-fetch.ts"),
  imports("a stand-in knows another", "infra/local/kubelet", "../container-registry/pull.ts"),
  imports("a test knows everything", "test/steps", "../../shared/adapters/tables/rows.ts"),
  {
    why: "the environment is read in one file",
    place: "shared/config/environment.ts",
    line: "export const settings = { ...process.env };",
    rule: "lint/style/noProcessEnv",
  },
  {
    why: "the command line writes to the console",
    place: "infra/local/cli",
    line: 'console.log("done");',
    rule: "lint/suspicious/noConsole",
  },
];

const Report = z.object({
  diagnostics: z.array(
    z.object({ category: z.string(), location: z.object({ path: z.string(), start: z.object({ line: z.number() }) }) }),
  ),
});

const fileOf = ({ place }: Planted): string => (place.endsWith(".ts") ? place : `${place}/planted.ts`);
const files = Map.groupBy([...refused, ...allowed], fileOf);

describe("the borders between the folders", () => {
  let found: z.infer<typeof Report>["diagnostics"] = [];
  let folder = "";

  // All lines of a place in one file, under a copy of the linter's settings: one process for the whole table.
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "borders-"));
    await mkdir(join(folder, "infra", "lint"), { recursive: true });
    for (const file of ["biome.json", "infra/lint/determinism.grit"])
      await copyFile(join(ROOT, file), join(folder, file));
    for (const [file, planted] of files) {
      await mkdir(dirname(join(folder, file)), { recursive: true });
      await writeFile(join(folder, file), planted.map(({ line }) => `${line}\n`).join(""));
    }
    const report = join(folder, "report.json");
    const args = ["lint", "--vcs-enabled=false", "--max-diagnostics=none", "--reporter=json"];
    // Biome ends with 1 because it found something; what it found is in the report.
    await promisify(execFile)(BIOME, [...args, `--reporter-file=${report}`, "."], { cwd: folder }).catch(
      () => undefined,
    );
    found = Report.parse(JSON.parse(await readFile(report, "utf8"))).diagnostics;
  });
  afterAll(() => rm(folder, { recursive: true, force: true }));

  const rulesBroken = (plant: Planted): readonly string[] => {
    const file = fileOf(plant);
    const line = (files.get(file) ?? []).indexOf(plant) + 1;
    return found
      .filter(({ location }) => location.path === file && location.start.line === line)
      .map(({ category }) => category);
  };

  it.each(refused)("$why ($place)", (plant) => {
    expect(rulesBroken(plant)).toContain(plant.rule);
  });

  it.each(allowed)("leaves alone: $why ($place)", (plant) => {
    expect(rulesBroken(plant)).not.toContain(plant.rule);
  });
});
