import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eventually, startHostProcess, writeApp } from "./host-process.ts";

const REGISTER = 'app.http("hello", { handler: () => ({ body: "hello" }) });';

describe("a host process", () => {
  test("loads every file that a glob in main names", async () => {
    const appDirectory = writeApp(REGISTER, undefined, "*.js");
    writeFileSync(
      join(appDirectory, "more.js"),
      'import { app } from "@azure/functions"; app.http("more", { handler: () => ({ body: "more" }) });',
    );
    const host = await startHostProcess({ appDirectory });
    expect(await (await fetch(`${host.url}/api/hello`)).text()).toBe("hello");
    expect(await (await fetch(`${host.url}/api/more`)).text()).toBe("more");
  });

  test("names in one line what of host.json it ignores", async () => {
    const hostJson = {
      version: "2.0",
      extensionBundle: {},
      telemetryMode: "OpenTelemetry",
      logging: { applicationInsights: {} },
    };
    const host = await startHostProcess({ appDirectory: writeApp(REGISTER, hostJson) });
    const ignored = () => host.lines.filter(({ message }) => message.includes("ignored locally"));
    await eventually(() => ignored().length).toBe(1);
    expect(ignored()[0]?.message).toContain("extensionBundle, telemetryMode, logging.applicationInsights");
  });

  test("runs the app's start and end hooks", async () => {
    const hooks =
      'app.hook.appStart(() => process.stderr.write("hook started")); app.hook.appTerminate(() => process.exit(7));';
    const host = await startHostProcess({ appDirectory: writeApp(REGISTER + hooks) });
    expect(await host.stop(), "the end hook's exit code").toBe(7);
  });

  test("lets what is in flight end before it stops, and takes nothing new", async () => {
    const slow = `let release; const released = new Promise((resolve) => { release = resolve; });
      app.http("slow", { handler: async (_, context) => { context.log("waiting"); await released; return { body: "done" }; } });
      process.on("SIGUSR2", () => release());`;
    const host = await startHostProcess({ appDirectory: writeApp(slow + REGISTER) });
    const answer = fetch(`${host.url}/api/slow`).then((response) => response.text());
    await eventually(() => host.lines.some(({ message }) => message === "waiting")).toBe(true);
    void host.stop("SIGTERM");
    const tryAgain = () =>
      fetch(`${host.url}/api/hello`)
        .then(({ status }) => status)
        .catch(() => "refused");
    await eventually(tryAgain).toBe("refused");
    const ended = host.stop("SIGUSR2");
    expect(await answer).toBe("done");
    expect(await ended).toBe(0);
  });

  test("ends with exit code 1 when an invocation outlives functionTimeout", async () => {
    const code = 'app.http("stuck", { handler: () => new Promise(() => {}) });';
    const appDirectory = writeApp(code, { version: "2.0", functionTimeout: "00:00:00.2" });
    const host = await startHostProcess({ appDirectory });
    await expect(fetch(`${host.url}/api/stuck`)).rejects.toThrow();
    expect(await host.ended).toBe(1);
    expect(host.lines.at(-1)).toMatchObject({ level: "critical", category: "Host.Timeout", functionName: "stuck" });
  });

  test("runs a timer by the schedule in a setting, and at its start what it missed before", async () => {
    const code =
      'app.timer("t", { schedule: "%WHEN%", handler: (t, context) => context.log(t.isPastDue ? "missed" : "due") });';
    const appDirectory = writeApp(code);
    const state = join(appDirectory, "state");
    mkdirSync(state);
    const missed = { schedule: "0 0 2 * * *", next: "2026-01-01T02:00:00.000Z" };
    writeFileSync(join(state, "t.json"), JSON.stringify(missed));
    const args = ["--state", state];
    const late = await startHostProcess({ appDirectory, args, environment: { WHEN: missed.schedule } });
    await eventually(() => late.lines.some(({ message }) => message === "missed")).toBe(true);
    expect(await late.stop()).toBe(0);
    const often = await startHostProcess({ appDirectory, args, environment: { WHEN: "*/1 * * * * *" } });
    await eventually(() => often.lines.filter(({ message }) => message === "due").length).toBeGreaterThan(0);
  });

  test("writes what logLevel lets through, by category", async () => {
    const code =
      'app.http("talk", { handler: (_, context) => { context.log("small"); context.warn("great"); return { body: "" }; } });';
    const logLevel = { default: "Information", "Function.talk": "Warning" };
    const host = await startHostProcess({ appDirectory: writeApp(code, { version: "2.0", logging: { logLevel } }) });
    await fetch(`${host.url}/api/talk`);
    await host.stop();
    const talk = host.lines.filter(({ functionName }) => functionName === "talk");
    expect(talk).toMatchObject([{ level: "warning", category: "Function.talk.User", message: "great" }]);
  });
});
