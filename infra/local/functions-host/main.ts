import { parseArgs } from "node:util";
import { createFunctionsHost } from "./host.ts";
import type { LogLine } from "./log.ts";

const USAGE =
  "usage: node main.ts --app DIR [--port N] [--state DIR]   (keys: LOCAL_FUNCTION_KEYS, comma separated, and LOCAL_MASTER_KEY)";

function writeLine(stream: NodeJS.WriteStream, value: unknown): void {
  stream.write(`${typeof value === "string" ? value : JSON.stringify(value)}\n`);
}

function readOptions() {
  const { values } = parseArgs({
    options: { app: { type: "string" }, port: { type: "string", default: "0" }, state: { type: "string" } },
  });
  const port = Number(values.port);
  if (values.app === undefined || !Number.isInteger(port) || port < 0 || port > 65_535) throw new Error(USAGE);
  const { LOCAL_FUNCTION_KEYS, LOCAL_MASTER_KEY } = process.env;
  return {
    appDirectory: values.app,
    port,
    functionKeys: (LOCAL_FUNCTION_KEYS ?? "").split(",").filter(Boolean),
    ...(LOCAL_MASTER_KEY ? { masterKey: LOCAL_MASTER_KEY } : {}),
    ...(values.state === undefined ? {} : { stateDirectory: values.state }),
  };
}

async function main(): Promise<void> {
  // The address comes first on stdout, so what is logged before it waits.
  const early: LogLine[] = [];
  let sink = (line: LogLine): void => void early.push(line);
  const host = createFunctionsHost({ ...readOptions(), sink: (line) => sink(line) });
  try {
    await host.start();
  } catch (error) {
    for (const line of early) writeLine(process.stderr, line);
    throw error;
  }
  const stop = async () => {
    await host.stop();
    process.exit(0);
  };
  process.once("SIGTERM", stop).once("SIGINT", stop);
  sink = (line) => writeLine(process.stdout, line);
  writeLine(process.stdout, { url: host.url });
  for (const line of early) sink(line);
}

try {
  await main();
} catch (error) {
  writeLine(process.stderr, error instanceof Error ? error.message : String(error));
  process.exit(1);
}
