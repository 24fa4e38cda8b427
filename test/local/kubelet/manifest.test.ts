import { mkdir, mkdtemp, readFile, realpath, rm, stat, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { V1Volume } from "@kubernetes/client-node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { nodeShares } from "../../../infra/local/kubelet/addresses.ts";
import { checkUser, type ImageProcess, place, processEnv, words } from "../../../infra/local/kubelet/command-line.ts";
import { makeRoot, mount } from "../../../infra/local/kubelet/container-root.ts";
import type { PodFacts, Sources } from "../../../infra/local/kubelet/environment.ts";
import { parseImageReference } from "../../../infra/local/kubelet/images.ts";
import { refuseUnsupported } from "../../../infra/local/kubelet/prepare-container.ts";
import { quantity } from "../../../infra/local/kubelet/quantity.ts";
import { materialise } from "../../../infra/local/kubelet/volumes.ts";

const image: ImageProcess = {
  Entrypoint: ["node", "server.js"],
  Cmd: ["--port", "80"],
  Env: ["PORT=8080", "MODE=a=b", "HOST=0.0.0.0"],
  WorkingDir: "/app",
  User: "",
};

let folder = "";
beforeEach(async () => {
  folder = await realpath(await mkdtemp(join(tmpdir(), "manifest-")));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

describe("the words of a container's command", () => {
  it.each([
    ["the image's, when the manifest has none", {}, ["node", "server.js", "--port", "80"]],
    ["the image's with other arguments", { args: ["$(P)"] }, ["node", "server.js", "81"]],
    ["the manifest's without the image's arguments", { command: ["run"] }, ["run"]],
    ["all of the manifest's", { command: ["run", "$(P)"], args: ["$$(P)"] }, ["run", "81", "$(P)"]],
  ])("are %s", (_name, container, result) => {
    expect(words(container, image, { P: "81" })).toEqual(result);
  });
});

describe("a process in the host's terms", () => {
  it("runs node with this process's own binary, in the image's working directory", async () => {
    await mkdir(join(folder, "app"));
    await writeFile(join(folder, "app/server.js"), "");
    expect(place(["node", "/app/server.js", "/app/none.js", "/", "x"], folder, "/app", {})).toEqual({
      command: process.execPath,
      args: [join(folder, "app/server.js"), "/app/none.js", "/", "x"],
      cwd: join(folder, "app"),
      env: {},
    });
  });

  it("finds other commands in the image only", async () => {
    await mkdir(join(folder, "bin"));
    await writeFile(join(folder, "bin/tool"), "");
    expect(place(["tool"], folder, "/", { PATH: "/usr/bin:/bin" }).command).toBe(join(folder, "bin/tool"));
    expect(place(["/bin/tool"], folder, "/", {}).command).toBe(join(folder, "bin/tool"));
    expect(place(["./tool"], folder, "/bin", {}).command).toBe(join(folder, "bin/tool"));
    expect(() => place(["sh"], folder, "/", {})).toThrow('exec: "sh": executable file not found in the image');
    expect(() => place([], folder, "/", {})).toThrow("no command specified");
  });

  it("gives it the image's variables, the manifest's over them, and the pod's address over all", () => {
    expect(processEnv(image, { PORT: "9", HOST: "::" }, { name: "web", ip: "127.77.3.2" })).toEqual({
      PATH: expect.any(String),
      HOSTNAME: "web",
      PORT: "9",
      MODE: "a=b",
      HOST: "127.77.3.2",
    });
  });

  it.each([
    ["an image that runs as root", "", undefined, "image will run as root"],
    ["user 0", "1000", 0, "image will run as root"],
    ["a user by name", "web:web", undefined, "non-numeric user (web)"],
  ])("refuses %s where the manifest wants another", (_name, user, runAsUser, message) => {
    expect(() => checkUser(user, true, runAsUser)).toThrow(message);
    expect(() => checkUser(user, undefined, runAsUser)).not.toThrow();
  });

  it("takes a user by number from the image or the manifest", () => {
    expect(() => checkUser("10001:10001", true, undefined)).not.toThrow();
    expect(() => checkUser("", true, 10001)).not.toThrow();
  });

  it("refuses what is not implemented, by name", () => {
    const container = { name: "c", restartPolicy: "Always", livenessProbe: { grpc: { port: 1 } } };
    expect(() => refuseUnsupported(container, { containers: [], hostNetwork: true })).toThrow(
      "not implemented by this kubelet: grpc probes, sidecar containers, hostNetwork",
    );
    expect(() => refuseUnsupported({ name: "c" }, { containers: [], hostNetwork: false })).not.toThrow();
  });
});

describe("a container's root", () => {
  it("shares the image's files, keeps its links inside and is made anew each time", async () => {
    const source = join(folder, "image");
    const root = join(folder, "root");
    await mkdir(join(source, "app/lib"), { recursive: true });
    await writeFile(join(source, "app/lib/a.js"), "a");
    await symlink("lib/a.js", join(source, "app/link.js"));
    await makeRoot(source, root);
    await writeFile(join(root, "app/own.js"), "own");
    expect(await realpath(join(root, "app/link.js"))).toBe(join(root, "app/lib/a.js"));
    expect((await stat(join(root, "app/lib/a.js"))).ino).toBe((await stat(join(source, "app/lib/a.js"))).ino);
    await makeRoot(source, root);
    await expect(stat(join(root, "app/own.js"))).rejects.toThrow("ENOENT");
    await expect(stat(join(source, "app/own.js"))).rejects.toThrow("ENOENT");
  });

  it("shows a volume at its path, also where the image had something else", async () => {
    const root = join(folder, "root");
    const volume = join(folder, "volume");
    await mkdir(join(root, "etc/app"), { recursive: true });
    await writeFile(join(root, "etc/app/old"), "");
    await mkdir(volume);
    await writeFile(join(volume, "new"), "1");
    await mount(root, { source: volume, mountPath: "/etc/app" });
    expect(await readFile(join(root, "etc/app/new"), "utf8")).toBe("1");
    await expect(stat(join(root, "etc/app/old"))).rejects.toThrow("ENOENT");
  });
});

describe("a volume", () => {
  const facts: PodFacts = { podIP: "127.77.3.2", hostIP: "127.77.3.1", pod: { metadata: { labels: { app: "x" } } } };
  const sources: Sources = {
    configMap: async (name) => (name === "c" ? { data: { "a.txt": "A", b: "B" } } : undefined),
    secret: async (name) => (name === "s" ? { data: { key: Buffer.from("K").toString("base64") } } : undefined),
    serviceAccountToken: async (audience) => `token for ${audience}`,
  };
  const write = (volume: Omit<V1Volume, "name">) =>
    materialise({ name: "v", ...volume }, join(folder, "v"), facts, sources);
  const read = (path: string) => readFile(join(folder, "v", path), "utf8");

  it("holds every key of a ConfigMap, or the chosen ones under other names and modes", async () => {
    await write({ configMap: { name: "c" } });
    expect([await read("a.txt"), await read("b")]).toEqual(["A", "B"]);
    await write({ configMap: { name: "c", items: [{ key: "b", path: "deep/../x/c", mode: 0o400 }] } });
    expect(await read("x/c")).toBe("B");
    expect((await stat(join(folder, "v/x/c"))).mode & 0o777).toBe(0o400);
  });

  it("holds Secrets, fields, and all of them projected together with a token", async () => {
    const downwardAPI = { items: [{ path: "labels", fieldRef: { fieldPath: "metadata.labels" } }] };
    const serviceAccountToken = { path: "token", audience: "api" };
    await write({ secret: { secretName: "s" } });
    expect(await read("key")).toBe("K");
    await write({
      projected: {
        sources: [{ configMap: { name: "c" } }, { secret: { name: "s" } }, { downwardAPI }, { serviceAccountToken }],
      },
    });
    expect([await read("a.txt"), await read("key"), await read("labels"), await read("token")]).toEqual([
      "A",
      "K",
      'app="x"',
      "token for api",
    ]);
  });

  it("is an empty folder when it is an emptyDir or its source is optional and absent", async () => {
    await write({ emptyDir: {} });
    expect((await stat(join(folder, "v"))).isDirectory()).toBe(true);
    await write({ configMap: { name: "none", optional: true } });
  });

  it.each<[string, Omit<V1Volume, "name">, string]>([
    ["a missing source", { secret: { secretName: "none" } }, 'secret "none" not found'],
    ["a missing key", { configMap: { name: "c", items: [{ key: "z", path: "z" }] } }, "non-existent config key: z"],
    [
      "another kind",
      { hostPath: { path: "/" } },
      "only configMap, secret, emptyDir, downwardAPI and projected are implemented",
    ],
    [
      "another projected kind",
      { projected: { sources: [{ clusterTrustBundle: { path: "x" } }] } },
      "only configMap, secret, emptyDir, downwardAPI and projected are implemented",
    ],
    [
      "a resource field",
      { downwardAPI: { items: [{ path: "x", resourceFieldRef: { resource: "limits.cpu" } }] } },
      "resourceFieldRef is not implemented",
    ],
  ])("refuses %s", async (_name, volume, message) => {
    await expect(write(volume)).rejects.toThrow(message);
  });
});

describe("an image reference", () => {
  const digest = `sha256:${"a".repeat(64)}`;
  it.each([
    ["127.0.0.1:5000/team/app:v1", "v1"],
    ["127.0.0.1:5000/team/app", "latest"],
    [`127.0.0.1:5000/team/app@${digest}`, digest],
    [`127.0.0.1:5000/team/app:v1@${digest}`, digest],
  ])("%s names %s", (text, reference) => {
    expect(parseImageReference(text)).toEqual({ registry: "127.0.0.1:5000", repository: "team/app", reference });
  });

  it.each(["app", "team/app:v1", "reg.io/Upper", "reg.io/app@sha256:12"])("%s is refused", (text) => {
    expect(() => parseImageReference(text)).toThrow(/names no registry/);
  });
});

describe("a quantity", () => {
  it.each([
    ["128Mi", 134_217_728],
    ["1.5Gi", 1_610_612_736],
    ["500M", 500_000_000],
    ["1e3", 1000],
    ["250m", 0.25],
    ["42", 42],
  ])("%s is %d", (text, value) => {
    expect(quantity(text)).toBe(value);
  });

  it.each(["", "Mi", "1X", "-1", "1 Mi"])("%j is none", (text) => {
    expect(() => quantity(text)).toThrow("not a quantity");
  });
});

describe("the addresses of a node", () => {
  it("are a /24 of the pod network, tried in turn from a random one on", () => {
    const nodes = [...nodeShares("127.77.254.9/23", () => 1)].map(({ nodeIP }) => nodeIP);
    expect(nodes).toEqual(["127.77.255.1", "127.77.254.1"]);
  });

  it("go to pods one after another, freed ones again only when the others were used", () => {
    const [node] = nodeShares("10.244.7.0/24", () => 0);
    const all = Array.from({ length: 253 }, () => node?.take());
    expect([all[0], all[252], new Set(all).size]).toEqual(["10.244.7.2", "10.244.7.254", 253]);
    expect(() => node?.take()).toThrow("all 253 addresses of 10.244.7.0/24 are taken");
    node?.release("10.244.7.9");
    expect(node?.take()).toBe("10.244.7.9");
  });

  it.each(["127.77.0.0", "127.77.0.0/30", "127.77.0.0/4", "127.777.0.0/16", "::/64"])(
    "are refused for %s",
    (network) => {
      expect(() => nodeShares(network).next()).toThrow("podNetwork must be an IPv4 network");
    },
  );
});
