import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

export interface AuditResult {
  /** As `npm run audit` ends: 0 all is well. */
  code: number;
  /** What it printed, on both ways out. */
  text: string;
}

const COMMAND = resolve(import.meta.dirname, "../../audit/audit.js");
const LIMIT_MS = 120_000;

/** Runs the audit as an operator does, by the app's settings and nothing else of this process. */
export async function runAudit(
  environment: Readonly<Record<string, string>>,
  parameters: readonly string[],
  signal: AbortSignal,
): Promise<AuditResult> {
  const child = spawn(process.execPath, ["--disable-warning=ExperimentalWarning", COMMAND, ...parameters], {
    env: { ...environment },
    stdio: ["ignore", "pipe", "pipe"],
    signal: AbortSignal.any([signal, AbortSignal.timeout(LIMIT_MS)]),
    killSignal: "SIGKILL",
  });
  let text = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      text += chunk.toString();
    });
  const [code] = await once(child, "close");
  return { code: typeof code === "number" ? code : 2, text: text.trimEnd() };
}
