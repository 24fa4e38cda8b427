import { describe, expect, it } from "vitest";
// What the SDK reads of an answer stands in its mappers, which the package does not export.
import * as mappers from "../../../node_modules/@azure/arm-containerregistry/dist/esm/models/mappers.js";
import { buildOf, REGISTRY_ID, untilEnded, upload, useAzure } from "./stack.ts";

const azure = useAzure();

interface MapperType {
  name: string;
  className?: string;
  element?: { type: MapperType };
  modelProperties?: Record<string, { serializedName?: string; type: MapperType }>;
}

const MAPPERS: Record<string, { type: MapperType }> = JSON.parse(JSON.stringify(mappers));

/** The paths of a wire value that its mapper does not name. */
function unknownFields(value: unknown, type: MapperType, path = ""): string[] {
  if (Array.isArray(value)) {
    return value.flatMap((item, index) => unknownFields(item, type.element?.type ?? type, `${path}[${index}]`));
  }
  const known = MAPPERS[classOf(type.className ?? "", value)]?.type.modelProperties;
  if (known === undefined || typeof value !== "object" || value === null) return [];
  const byName = new Map(Object.values(known).map((property) => [property.serializedName, property.type]));
  return flatten(value, byName).flatMap(([name, inner]) => {
    const found = byName.get(name);
    return found === undefined ? [`${path}.${name}`] : unknownFields(inner, found, `${path}.${name}`);
  });
}

/** A run request is read by the mapper its type names. */
function classOf(className: string, value: unknown): string {
  return className === "RunRequest" ? String(Object(value).type) : className;
}

/** What the SDK flattens: `properties.status` is one name. */
function flatten(value: object, known: Map<string | undefined, MapperType>): [string, unknown][] {
  return Object.entries(value).flatMap(([name, inner]): [string, unknown][] => {
    const isFlattened = [...known.keys()].some((key) => key?.startsWith(`${name}.`));
    if (!isFlattened) return [[name, inner]];
    return Object.entries(Object(inner)).map(([below, leaf]) => [`${name}.${below}`, leaf]);
  });
}

async function ask(endpoint: string, path: string, method = "GET", body?: unknown): Promise<unknown> {
  const answer = await fetch(`${endpoint}${REGISTRY_ID}${path}?api-version=2019-06-01-preview`, {
    method,
    headers: { authorization: `Bearer ${azure.issue()}` },
    body: body === undefined ? null : JSON.stringify(body),
  });
  return answer.json();
}

describe("every answer", () => {
  it("has only fields the SDK's mappers know", async () => {
    const { manager, client } = await azure.start({ build: () => Promise.reject(new Error("broken")) });
    const runRequest = buildOf(await upload(client), {
      arguments: [{ name: "TOKEN", value: "secret", isSecret: true }],
      timeout: 600,
      credentials: { sourceRegistry: { loginMode: "Default" } },
    });
    const created = await ask(manager.endpoint, "/taskRuns/mapped", "PUT", {
      location: "westeurope",
      properties: { runRequest, forceUpdateTag: "1" },
    });
    await untilEnded(client, "mapped");

    const answers: [string, unknown][] = [
      ["TaskRun", created],
      ["TaskRun", await ask(manager.endpoint, "/taskRuns/mapped")],
      ["TaskRun", await ask(manager.endpoint, "/taskRuns/mapped/listDetails", "POST")],
      ["TaskRunListResult", await ask(manager.endpoint, "/taskRuns")],
      ["Run", await ask(manager.endpoint, "/scheduleRun", "POST", runRequest)],
      ["Run", await ask(manager.endpoint, "/runs/ca1")],
      ["RunListResult", await ask(manager.endpoint, "/runs")],
      ["RunGetLogResult", await ask(manager.endpoint, "/runs/ca1/listLogSasUrl", "POST")],
      ["SourceUploadDefinition", await ask(manager.endpoint, "/listBuildSourceUploadUrl", "POST")],
      ["Registry", await ask(manager.endpoint, "")],
      ["ErrorResponseForContainerRegistry", await ask(manager.endpoint, "/runs/nothing")],
    ];
    const unknown = answers.flatMap(([name, answer]) => unknownFields(answer, { name: "Composite", className: name }));
    expect(unknown).toEqual([]);
    expect(answers.map(([, answer]) => Object.keys(Object(answer)).length)).not.toContain(0);
  });

  it("is compared by something that would notice", () => {
    const run = {
      id: "a",
      properties: { status: "Queued", outputImages: [{ digest: "b", size: 1 }], extra: 1 },
      more: 1,
    };
    expect(unknownFields(run, { name: "Composite", className: "Run" })).toEqual([
      ".properties.outputImages[0].size",
      ".properties.extra",
      ".more",
    ]);
    const taskRun = {
      properties: { runRequest: { type: "DockerBuildRequest", dockerfile: "a" }, runResult: { run: 1 } },
    };
    expect(unknownFields(taskRun, { name: "Composite", className: "TaskRun" })).toEqual([
      ".properties.runRequest.dockerfile",
      ".properties.runResult.run",
    ]);
  });
});
