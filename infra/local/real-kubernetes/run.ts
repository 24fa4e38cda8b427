import { spawn } from "node:child_process";
import { buildControlPlane } from "./build.ts";

/** Builds the control plane, which needs the network, and then runs a command in a private one, which has none. */
async function run(command: readonly string[]): Promise<number> {
  const binary = await buildControlPlane((line) => process.stderr.write(`${line}\n`));
  // What is unknown to npm's own Node is run by the one that runs this.
  const words = command.map((word) => (word === "node" ? process.execPath : word));
  const child = spawn(binary, ["private-network", ...words], { stdio: "inherit" });
  // A terminal sends Ctrl-C to both; whoever signals this process alone means the other.
  process.on("SIGINT", () => undefined);
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => resolve(code ?? 1));
  });
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : error}\n`);
  process.exitCode = 1;
}
