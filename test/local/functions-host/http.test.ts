import { request } from "node:http";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { eventually, startHostProcess } from "./host-process.ts";

const everything = join(import.meta.dirname, "apps/everything");
const environment = { TICK: "0 0 0 1 1 *", LOCAL_FUNCTION_KEYS: "first,second", LOCAL_MASTER_KEY: "master" };
const start = () => startHostProcess({ appDirectory: everything, environment });

async function answer(url: string, init?: RequestInit) {
  const response = await fetch(url, init);
  return { status: response.status, body: await response.text() };
}

describe("an HTTP function", () => {
  test("gets method, parameters, query, headers and the raw bytes of the body", async () => {
    const host = await start();
    const body = Uint8Array.from({ length: 256 }, (_, byte) => byte);
    const headers = { traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "x-empty": "" };
    const response = await fetch(`${host.url}/api/echo/github/7?a=1&a=2&b=`, { method: "POST", body, headers });
    const seen = JSON.parse(await response.text());
    expect(response.status).toBe(202);
    expect(response.headers.get("x-echo")).toBe("yes");
    expect(seen).toMatchObject({ params: { source: "github", id: "7" }, query: { a: "1,2", b: "" }, hooked: "yes" });
    expect(seen.hex).toBe(Buffer.from(body).toString("hex"));
    expect(seen.headers).not.toHaveProperty("x-empty");
    expect(seen.traceParent).toMatch(/^00-0af7651916cd43dd8448eb211c80319c-(?!b7ad6b7169203331)[0-9a-f]{16}-01$/);
  });

  test("is found by its route, its constraints and its methods, and else not at all", async () => {
    const host = await start();
    const get = (path: string, init?: RequestInit) => answer(host.url + path, init);
    expect(await get("/api/echo/literal")).toEqual({ status: 200, body: "literal" });
    expect(await get("/api/ECHO/Literal/")).toEqual({ status: 200, body: "literal" });
    expect(await get("/api/files/a/b%20c/d")).toEqual({ status: 200, body: "a/b c/d" });
    expect(await get("/api/files")).toEqual({ status: 200, body: "none" });
    expect((await get("/api/echo/github")).status).toBe(202);
    expect((await get("/api/echo/github/seven")).status).toBe(404);
    expect((await get("/api/echo/git1hub")).status).toBe(404);
    expect((await get("/api/unknown")).status).toBe(404);
    expect((await get("/echo/literal")).status).toBe(404);
    expect((await get("/api/echo/%E0%A4%A")).status).toBe(400);
    expect(await get("/api/echo/github", { method: "PUT" }), "a known route, another method").toEqual({
      status: 404,
      body: "",
    });
  });

  test("that returns nothing answers 204, one that throws 500 without a word of why, one that sets a cookie 501", async () => {
    const host = await start();
    expect(await answer(`${host.url}/api/nothing`)).toEqual({ status: 204, body: "" });
    expect(await answer(`${host.url}/api/broken`)).toEqual({ status: 500, body: "" });
    expect((await answer(`${host.url}/api/cookie`)).status).toBe(501);
    expect(host.lines.find(({ level }) => level === "error")?.message).toContain("broken on purpose");
  });

  test("of level function opens to a function key or the master key, in the header or the query", async () => {
    const host = await start();
    const statusOf = async (query: string, key?: string) =>
      (await answer(`${host.url}/api/keyed${query}`, { headers: key === undefined ? {} : { "x-functions-key": key } }))
        .status;
    expect(await statusOf("")).toBe(401);
    expect(await statusOf("?code=wrong")).toBe(401);
    expect(await statusOf("", "wrong")).toBe(401);
    expect(await statusOf("?code=second")).toBe(200);
    expect(await statusOf("", "first")).toBe(200);
    expect(await statusOf("", "master")).toBe(200);
  });

  test("gets no body above 100 MiB: 413 by Content-Length, before the body is sent", async () => {
    const host = await start();
    const status = await new Promise((resolve, reject) => {
      const headers = { "content-length": String(104_857_601) };
      const sent = request(`${host.url}/api/echo/github`, { method: "POST", headers }, (response) => {
        resolve(response.statusCode);
        sent.destroy();
      });
      sent.on("error", reject);
      sent.flushHeaders();
    });
    expect(status).toBe(413);
  });
});

describe("a body without Content-Length", () => {
  test("is cut at 100 MiB, with a 413", async () => {
    const host = await start();
    const mebibyte = Buffer.alloc(1024 * 1024);
    const status = await new Promise((resolve, reject) => {
      const sent = request(`${host.url}/api/echo/github`, { method: "POST" }, (response) => {
        resolve(response.statusCode);
        sent.destroy();
      });
      sent.on("error", reject);
      const send = (left: number) => void (left > 0 && !sent.destroyed && sent.write(mebibyte, () => send(left - 1)));
      send(200);
    });
    expect(status).toBe(413);
  });
});

describe("/admin", () => {
  test("needs the master key, but for the ping", async () => {
    const host = await start();
    expect((await answer(`${host.url}/admin/host/ping`)).status).toBe(200);
    expect((await answer(`${host.url}/admin/host/status`)).status).toBe(401);
    expect((await answer(`${host.url}/admin/host/status?code=first`)).status).toBe(401);
    expect(JSON.parse((await answer(`${host.url}/admin/host/status?code=master`)).body)).toMatchObject({
      state: "Running",
    });
  });

  test("lists the functions with their bindings, and fires a timer", async () => {
    const host = await start();
    const admin = (path: string, init?: RequestInit) => answer(`${host.url}/admin/${path}?code=master`, init);
    const listed = JSON.parse((await admin("functions")).body);
    const tick = listed.find(({ name }: { name: string }) => name === "tick");
    expect(tick.config.bindings).toMatchObject([{ type: "timerTrigger", schedule: "%TICK%", direction: "in" }]);
    expect((await admin("functions/tick", { method: "POST", body: "{}" })).status).toBe(202);
    await eventually(() => answer(`${host.url}/api/ticks`)).toEqual({ status: 200, body: "1" });
    await eventually(async () => JSON.parse((await admin("local/executions")).body).tick).toEqual({
      started: 1,
      succeeded: 1,
      failed: 0,
    });
  });

  test("answers 501 to what it does not do, 404 to an unknown function, 400 to an unreadable body", async () => {
    const host = await start();
    const post = async (path: string, body: string) =>
      (await answer(`${host.url}/admin/${path}?code=master`, { method: "POST", body })).status;
    expect(await post("functions/unknown", "{}")).toBe(404);
    expect(await post("functions/tick", "")).toBe(400);
    expect(await post("functions/tick", '{"input":5}')).toBe(400);
    expect(await post("functions/echo", "{}")).toBe(501);
    expect(await post("host/restart", "")).toBe(501);
    expect((await answer(`${host.url}/admin/host/keys?code=master`)).status).toBe(501);
  });
});
