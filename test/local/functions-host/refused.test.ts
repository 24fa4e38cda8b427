import { describe, expect, test } from "vitest";
import { refusedStart, writeApp } from "./host-process.ts";

const REGISTER = 'app.http("hello", { handler: () => ({ body: "hello" }) });';

describe("the start is refused with exit code 1 and a reason", () => {
  const cases: readonly [name: string, code: string, hostJson: unknown, reasons: readonly string[]][] = [
    [
      "when the app throws",
      'throw new Error("A is missing\\nB is missing");',
      undefined,
      ["A is missing\nB is missing"],
    ],
    ["when the app registers nothing", "", undefined, ["The app registered no function"]],
    [
      "when host.json has keys that are not honoured",
      REGISTER,
      { version: "2.0", healthMonitor: {}, extensions: { http: { hsts: {} } } },
      ["healthMonitor: not honoured", "extensions.http.hsts: not honoured"],
    ],
    [
      "for a trigger type it does not run",
      'app.storageQueue("jobs", { connection: "C", queueName: "q", handler() {} });',
      undefined,
      ['Function "jobs": trigger type queueTrigger is not supported'],
    ],
    [
      "for streams",
      `app.setup({ enableHttpStream: true }); ${REGISTER}`,
      undefined,
      ["enableHttpStream: true }) is not supported"],
    ],
    [
      "for a name that is taken",
      `${REGISTER} ${REGISTER}`,
      undefined,
      ['A function with name "hello" has already been registered'],
    ],
    [
      "for a route of the host itself",
      'app.http("a", { route: "admin/a", handler() {} });',
      { version: "2.0", extensions: { http: { routePrefix: "" } } },
      ['route "admin/a" conflicts'],
    ],
    [
      "when a setting of a trigger is missing",
      'app.timer("t", { schedule: "%NOWHERE%", handler() {} });',
      undefined,
      ['Setting "NOWHERE" is missing'],
    ],
    [
      "when a connection is missing",
      'app.serviceBusQueue("jobs", { connection: "NOWHERE", queueName: "q", handler() {} });',
      undefined,
      ['Setting "NOWHERE" is missing', "NOWHERE__fullyQualifiedNamespace"],
    ],
  ];
  test.for(cases)("%s", async ([, code, hostJson, reasons]) => {
    const { code: exitCode, stderr } = await refusedStart({ appDirectory: writeApp(code, hostJson) });
    for (const reason of reasons) expect(stderr).toContain(reason);
    expect(exitCode).toBe(1);
  });

  test("when main matches no file", async () => {
    const { code, stderr } = await refusedStart({ appDirectory: writeApp(REGISTER, undefined, "dist/*.js") });
    expect(stderr).toContain('No file of the app matches main of its package.json: "dist/*.js"');
    expect(code).toBe(1);
  });
});
