import { spawn } from "node:child_process";
import { access, mkdtemp, realpath, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import type { ProcessSpec } from "../../../infra/local/kubelet/command-line.ts";
import { createLogRing } from "../../../infra/local/kubelet/log-ring.ts";
import {
  createProcessRuntime,
  type ProcessRuntime,
  type RunningProcess,
} from "../../../infra/local/kubelet/process-runtime.ts";
import { isAlive } from "./alive.ts";

const RUNTIME = join(import.meta.dirname, "../../../infra/local/kubelet/process-runtime.ts");
const SLEEP = "setInterval(() => {}, 1000);";
/** Starts a grandchild that ignores SIGTERM and prints its pid. */
const PARENT = `
  const child = require("node:child_process").spawn(process.execPath, ["-e", 'process.on("SIGTERM", () => {}); ${SLEEP}']);
  console.log("child " + child.pid);
  ${SLEEP}`;

let directory = "";
let runtime: ProcessRuntime;
beforeEach(async () => {
  directory = await realpath(await mkdtemp(join(tmpdir(), "runtime-")));
  runtime = createProcessRuntime({ directory });
});
afterEach(async () => {
  await runtime.close();
});

function script(code: string, more: Partial<ProcessSpec> = {}): ProcessSpec {
  return { command: process.execPath, args: ["-e", code], cwd: directory, env: {}, ...more };
}

async function childOf(process: RunningProcess): Promise<number> {
  await expect.poll(() => process.log.tail(), { interval: 10 }).toMatch(/child \d+/);
  return Number(/child (\d+)/.exec(process.log.tail())?.[1]);
}

describe("the process runtime", () => {
  it("keeps what both streams say, tells the exit code, and gives only the environment asked for", async () => {
    const code = 'console.log("out", JSON.stringify(process.env)); console.error("err"); process.exitCode = 3;';
    const process = await runtime.start(script(code, { env: { A: "1" } }));
    expect(await process.exited).toMatchObject({ exitCode: 3, isOutOfMemory: false });
    expect(process.log.tail().split("\n").sort()).toEqual(["", "err", 'out {"A":"1"}']);
  });

  it("tells a signal as 128 plus its number", async () => {
    const process = await runtime.start(script(SLEEP));
    process.kill("SIGTERM");
    expect(await process.exited).toMatchObject({ exitCode: 143, signal: 15 });
    process.kill("SIGKILL");
  });

  it("says why a process cannot be started", async () => {
    await expect(runtime.start(script("", { command: join(directory, "none") }))).rejects.toThrow("ENOENT");
  });

  it("leaves no grandchild behind when the process ends", async () => {
    const process = await runtime.start(script(PARENT));
    const child = await childOf(process);
    process.kill("SIGTERM");
    await process.exited;
    await expect.poll(() => isAlive(child), { interval: 10 }).toBe(false);
  });

  it("kills everything and removes its directory when it is closed", async () => {
    const process = await runtime.start(script(PARENT));
    const child = await childOf(process);
    await runtime.close();
    expect(isAlive(process.pid)).toBe(false);
    await expect.poll(() => isAlive(child), { interval: 10 }).toBe(false);
    await expect(access(directory)).rejects.toThrow("ENOENT");
  });

  it.runIf(process.platform === "linux")("kills a process that outgrows its memory", async () => {
    const code = `const held = Buffer.alloc(100 * 2 ** 20, 1); ${SLEEP}`;
    const process = await runtime.start(script(code, { memoryLimitBytes: 100 * 2 ** 20 }));
    expect(await process.exited).toMatchObject({ exitCode: 137, signal: 9, isOutOfMemory: true });
  });

  it("leaves nothing behind when this process itself is killed", async () => {
    const held = await realpath(await mkdtemp(join(tmpdir(), "runtime-killed-")));
    const code = `
      import { createProcessRuntime } from ${JSON.stringify(RUNTIME)};
      const runtime = createProcessRuntime({ directory: ${JSON.stringify(held)} });
      const pod = await runtime.start(${JSON.stringify(script(PARENT, { cwd: held }))});
      const timer = setInterval(() => {
        if (!pod.log.tail().includes("child")) return;
        clearInterval(timer);
        console.log(pod.pid + " " + pod.log.tail().trim());
      }, 10);`;
    const host = spawn(process.execPath, ["--input-type=module", "-e", code], { stdio: ["ignore", "pipe", "inherit"] });
    const { value } = await createInterface(host.stdout)[Symbol.asyncIterator]().next();
    const [pod = 0, child = 0] = String(value).split(" child ").map(Number);
    expect([isAlive(pod), isAlive(child)]).toEqual([true, true]);
    host.kill("SIGKILL");
    await expect.poll(() => [isAlive(pod), isAlive(child)], { interval: 10, timeout: 3000 }).toEqual([false, false]);
    await expect.poll(() => access(held).catch(() => "gone"), { interval: 10, timeout: 3000 }).toBe("gone");
    await rm(held, { recursive: true, force: true });
  });
});

describe("what a container wrote", () => {
  it("is its last 500 lines, or fewer", () => {
    const log = createLogRing();
    const write = log.writer();
    for (let line = 1; line <= 600; line += 1) write(`line ${line}\n`);
    expect(log.tail().split("\n").length).toBe(501);
    expect(log.tail(2)).toBe("line 599\nline 600\n");
    expect(log.tail(0)).toBe("");
  });

  it("does not mix half lines of two streams, and shows a last line without an end", () => {
    const log = createLogRing();
    const out = log.writer();
    const err = log.writer();
    out("a");
    err("b\nc");
    out("a\n");
    expect(log.tail()).toBe("b\naa\nc\n");
  });

  it("cuts a line at 16 KiB", () => {
    const log = createLogRing();
    log.writer()("x".repeat(40_000));
    expect(
      log
        .tail()
        .split("\n")
        .map((line) => line.length),
    ).toEqual([16_384, 16_384, 7232, 0]);
  });
});
