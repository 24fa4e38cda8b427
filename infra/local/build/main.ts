import { relative, resolve } from "node:path";
import { buildApp } from "./build.ts";

/** Too heavy for the cold path of a webhook: handlers load them when they are first used. */
const HEAVY_PACKAGES = [
  "@azure/arm-containerregistry",
  "@azure/arm-containerservice",
  "@azure/container-registry",
  "@azure/data-tables",
  "@azure/identity",
  "@azure/service-bus",
  "@azure/storage-blob",
  "@kubernetes/client-node",
];

const root = resolve(import.meta.dirname, "../../..");
const outdir = resolve(root, "dist");

try {
  const { outputs } = await buildApp({
    entry: resolve(root, "functions/index.ts"),
    outdir,
    root,
    loadedWhenUsed: HEAVY_PACKAGES,
  });
  const kibibytes =
    outputs.filter(({ path }) => path.endsWith(".js")).reduce((sum, { bytes }) => sum + bytes, 0) / 1024;
  process.stdout.write(`${relative(root, outdir)}: ${outputs.length} files, ${Math.round(kibibytes)} KiB of code\n`);
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
