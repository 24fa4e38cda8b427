import { Agent, get } from "node:https";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type KubeletServer, listenKubelet } from "../../../infra/local/kubelet/kubelet-server.ts";
import { createLogRing } from "../../../infra/local/kubelet/log-ring.ts";

let server: KubeletServer;
beforeAll(async () => {
  const log = createLogRing();
  log.writer()("one\ntwo\nthree\n");
  server = await listenKubelet("127.0.0.1", 0, (namespace, pod, container, isPrevious) =>
    `${namespace}/${pod}/${container}` === "n/p/c" && !isPrevious ? log : undefined,
  );
});
afterAll(async () => {
  await server.close();
});

describe("the kubelet's own server", () => {
  it.each([
    ["/healthz", 200, "ok"],
    ["/containerLogs/n/p/c", 200, "one\ntwo\nthree\n"],
    ["/containerLogs/n/p/c?tailLines=2&follow=false", 200, "two\nthree\n"],
    ["/containerLogs/n/p/c?tailLines=x", 400, "tailLines is no number: x\n"],
    ["/containerLogs/n/p/c?previous=true", 400, 'previous terminated container "c" not found\n'],
    ["/containerLogs/n/p/other", 404, 'container "other" not found\n'],
    ["/containerLogs/n/p/c?follow=true&timestamps=true", 501, "not implemented: follow, timestamps\n"],
    ["/exec/n/p/c", 501, "not implemented: GET /exec/n/p/c\n"],
  ])("answers %s with %d", async (path, status, body) => {
    const answer = await fetch(`http://127.0.0.1:${server.port}${path}`);
    expect([answer.status, await answer.text()]).toEqual([status, body]);
  });

  it("answers over https on the same port", async () => {
    const agent = new Agent({ rejectUnauthorized: false });
    const body = await new Promise<string>((resolve, reject) => {
      get(`https://127.0.0.1:${server.port}/healthz`, { agent }, (response) => resolve(text(response))).once(
        "error",
        reject,
      );
    });
    agent.destroy();
    expect(body).toBe("ok");
  });
});
