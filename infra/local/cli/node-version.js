import { spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";

/** The oldest Node that runs TypeScript as it is and loads `@kubernetes/client-node` 2.x. */
const REQUIRED = [22, 19];

/**
 * Runs `main` on a Node that can run Belay: this one, or the one that npm installed beside it as an optional
 * dependency (npm 10 does not put it on the path of scripts). Plain JavaScript: older Nodes must be able to read it.
 * @param {() => Promise<unknown>} main
 */
export async function onRightNode(main) {
  if (isEnough()) {
    await main();
    return;
  }
  const brought = broughtNode();
  if (brought === undefined) refuse();
  else runAgain(brought);
}

function isEnough() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [wantMajor = 0, wantMinor = 0] = REQUIRED;
  return major > wantMajor || (major === wantMajor && minor >= wantMinor);
}

/** The Node of the platform's package, where npm installed one. */
function broughtNode() {
  const os = process.platform === "win32" ? "win" : process.platform;
  const folder = `../../../node_modules/node-${os}-${process.arch}/bin`;
  return ["node", "node.exe"]
    .map((name) => fileURLToPath(new URL(`${folder}/${name}`, import.meta.url)))
    .find((file) => existsSync(file));
}

/** @param {string} node */
function runAgain(node) {
  const child = spawn(node, process.argv.slice(1), { stdio: "inherit" });
  // A terminal sends Ctrl-C to both; whoever signals this process alone means the other.
  process.on("SIGINT", () => {});
  process.on("SIGTERM", () => child.kill("SIGTERM"));
  child.on("close", (code, signal) => {
    process.exitCode = code ?? (signal === "SIGINT" ? 130 : 1);
  });
}

function refuse() {
  process.stderr.write(
    `Belay needs Node ${REQUIRED.join(".")} or later; this is ${process.versions.node}, ` +
      "and npm installs none beside it for this platform. Install Node 24.\n",
  );
  process.exitCode = 1;
}
