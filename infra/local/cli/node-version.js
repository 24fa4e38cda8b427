/** The oldest Node that runs TypeScript as it is and loads `@kubernetes/client-node` 2.x. */
const REQUIRED = [22, 19];

/** Ends the process with one clear line when this Node cannot run Belay. Plain JavaScript: older Nodes must be able to read it. */
export function requireNode() {
  const [major = 0, minor = 0] = process.versions.node.split(".").map(Number);
  const [wantMajor = 0, wantMinor = 0] = REQUIRED;
  if (major > wantMajor || (major === wantMajor && minor >= wantMinor)) return;
  process.stderr.write(
    `Belay needs Node ${REQUIRED.join(".")} or later; this is ${process.versions.node}. ` +
      "Run it through npm (npm run demo), which brings its own Node where one is published for your platform, or install Node 24.\n",
  );
  process.exit(1);
}
