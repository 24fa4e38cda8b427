import { parentPort, workerData } from "node:worker_threads";
import type { Asked } from "./in-thread.ts";

// Only `inThread` starts this file.
const { module, name, parameters } = workerData as Asked;
const exported: Record<string, (...given: readonly unknown[]) => unknown> = await import(module);
const call = exported[name];
if (call === undefined) throw new Error(`${module} exports no ${name}.`);
parentPort?.postMessage(await call(...parameters));
