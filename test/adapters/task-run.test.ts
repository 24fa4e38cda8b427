import { describe, expect, it } from "vitest";
import { toFailure, withoutQueries } from "../../shared/adapters/container-registry/build-failure.ts";
import { toDockerBuild, toStanding } from "../../shared/adapters/container-registry/task-run.ts";
import { PermanentError } from "../../shared/domain/errors.ts";

const request = {
  name: "belay-1",
  sourcePath: "source/a.tar.gz",
  images: ["m:1"],
  arguments: { BASE_IMAGE: "python:3.12" },
  platform: "linux/amd64",
  timeoutSeconds: 3600,
};
const causeOf = (status: string, message: string, ...lines: string[]) =>
  toFailure({ kind: "failed", runId: "ca1", status, message }, lines).cause;

describe("a failed run is the model's fault", () => {
  it.each([
    ["COPY failed: file not found in build context: stat model.json: file does not exist"],
    ["The command '/bin/sh -c pip install -r requirements.txt' returned a non-zero code: 1"],
    ["dockerfile parse error on line 3: unknown instruction: CPOY"],
    ["ADD failed: http://mlflow/a was answered 404"],
    ["failed to run step ID: build: exit status 1"],
    ["manifest for python:9.99 not found: manifest unknown"],
  ])("when it says: %s", (line) => {
    expect(causeOf("Failed", line)).toBe("broken");
    expect(causeOf("Failed", "failed to run step ID: build: exit status 1", "Step 1/2", line)).toBe("broken");
  });

  it("also when a command that failed speaks of the network", () => {
    const last = "The command '/bin/sh -c pip install x' returned a non-zero code: 1";
    expect(causeOf("Failed", "", "connection reset by peer", last)).toBe("broken");
  });
});

describe("a failed run is the builder's fault", () => {
  it.each(["Error", "Canceled", "Timeout"])("when it ended as %s", (status) => {
    expect(causeOf(status, "COPY failed: no such file")).toBe("service");
  });

  it.each([
    ["toomanyrequests: You have reached your pull rate limit"],
    ["unexpected status from HEAD request to https://registry/v2/python/manifests/3.12: 503 Service Unavailable"],
    ["Get https://mcr.microsoft.com/v2/: net/http: TLS handshake timeout"],
    ["ADD failed: http://mlflow/a was answered 503"],
    ["ADD failed: http://mlflow/a does not answer: connect ECONNREFUSED"],
    ["failed to download context: source/a.tar.gz not found"],
    ["write /var/lib/docker: no space left on device"],
  ])("when it says: %s", (line) => {
    expect(causeOf("Failed", line)).toBe("service");
  });
});

describe("a task run", () => {
  it.each([
    [10, 300],
    [3600, 3600],
    [100_000, 28_800],
  ])("asked to end after %i seconds is given %i", (timeoutSeconds, timeout) => {
    expect(toDockerBuild({ ...request, timeoutSeconds }).timeout).toBe(timeout);
  });

  it("has its platform in the service's words", () => {
    const platformOf = (platform: string) => toDockerBuild({ ...request, platform }).platform;
    expect(platformOf("linux/amd64")).toEqual({ os: "Linux", architecture: "amd64" });
    expect(platformOf("linux/arm/v7")).toEqual({ os: "Linux", architecture: "arm", variant: "v7" });
    expect(() => platformOf("amd64")).toThrow(PermanentError);
  });

  it.each([
    ["runs while its status is one that is not known yet", { status: "Paused" }, { kind: "running" }],
    ["runs before it has a run", undefined, { kind: "running", runId: undefined }],
    ["has no digest where the run names none", { status: "Succeeded" }, { kind: "succeeded", digest: undefined }],
    [
      "has no digest that is none",
      { status: "Succeeded", outputImages: [{ digest: "latest" }] },
      { kind: "succeeded", digest: undefined },
    ],
  ])("%s", (_name, runResult, standing) => {
    expect(toStanding("belay-1", { name: "Belay-1", runResult })).toMatchObject(standing);
  });

  it("of another name is no answer", () => {
    expect(() => toStanding("belay-1", { name: "belay-2", runResult: { status: "Succeeded" } })).toThrow(
      PermanentError,
    );
  });
});

it("a log line loses the query and the user of every address in it", () => {
  expect(withoutQueries("GET https://u:p@h.net/a/b?sig=x&se=1 and http://h/c#d, 'https://h?e' end")).toBe(
    "GET https://h.net/a/b and http://h/c 'https://h' end",
  );
});
