import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { createContainerRegistry } from "../../../infra/local/container-registry/container-registry.ts";
import { createKubelet, type KubeletOptions } from "../../../infra/local/kubelet/kubelet.ts";
import { POD_NETWORK } from "../../../infra/local/real-kubernetes/private-network.ts";
import { pushImage } from "../../local/container-registry/push-image.ts";
import type { Administrator } from "./administrator.ts";

const MODEL_SERVER = resolve(import.meta.dirname, "../../../infra/local/model-server");

/** The only node, whose pods are processes, and the registry its images come from. */
export type ProcessNode = Awaited<ReturnType<typeof joinProcessNode>>;

export async function joinProcessNode(
  { adminFile, folder }: Pick<Administrator, "adminFile" | "folder">,
  options: Partial<KubeletOptions> = {},
) {
  const registry = createContainerRegistry();
  await registry.listen();
  const wrong: string[] = [];
  const kubelet = createKubelet({
    kubeconfig: await readFile(adminFile, "utf8"),
    podNetwork: POD_NETWORK,
    directory: folder,
    log: (message) => void wrong.push(message),
    ...options,
  });
  await kubelet.start();
  const push = async (repository: string, tag: string, files: Readonly<Record<string, string>>, main: string) => {
    const entries = Object.entries(files).map(([name, content]) => ({ name: `app/${name}`, content }));
    const config = { WorkingDir: "/app", Cmd: ["node", main] };
    const { digest } = await pushImage(registry.url, repository, tag, [entries], config);
    return `${registry.loginServer}/${repository}@${digest}`;
  };
  return {
    registry: registry.loginServer,
    /** What the kubelet had to try again. */
    wrong: wrong as readonly string[],
    /** An image of one script; its reference by digest. */
    pushScript: (repository: string, tag: string, code: string) =>
      push(repository, tag, { "main.js": code, "package.json": "{}" }, "main.js"),
    /** The model server of the demo with these weights, which it loads or dies of. */
    pushModel: async (repository: string, tag: string, model: unknown) => {
      const files: Record<string, string> = { "model/model.json": JSON.stringify(model) };
      for (const name of ["package.json", "server.js", "model.js"])
        files[name] = await readFile(join(MODEL_SERVER, name), "utf8");
      return push(repository, tag, files, "server.js");
    },
    leave: async () => {
      await kubelet.stop();
      await registry.close();
    },
  };
}
