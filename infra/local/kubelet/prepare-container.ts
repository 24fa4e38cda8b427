import { mkdir } from "node:fs/promises";
import { join, posix } from "node:path";
import type { V1Container, V1PodSpec } from "@kubernetes/client-node";
import { checkUser, type ProcessSpec, place, processEnv, words } from "./command-line.ts";
import { ConfigError } from "./config-error.ts";
import type { ContainerDeps } from "./container.ts";
import { makeRoot, mount } from "./container-root.ts";
import { containerEnv } from "./environment.ts";
import type { UnpackedImage } from "./images.ts";
import { quantity } from "./quantity.ts";

/** A container that only has to be started; words of later commands are placed in the same root. */
export type PreparedContainer = { readonly spec: ProcessSpec; readonly root: string };

/** Makes a new root for a container and says what to start in it; throws ConfigError or StartError. */
export async function prepareContainer(
  container: V1Container,
  image: UnpackedImage,
  { facts, sources, directory }: Pick<ContainerDeps, "facts" | "sources" | "directory">,
): Promise<PreparedContainer> {
  refuseUnsupported(container, facts.pod.spec);
  checkImageUser(container, image, facts.pod.spec?.securityContext);
  const env = await containerEnv(container, facts, sources);
  const root = join(directory, "containers", container.name);
  await makeRoot(image.directory, root);
  for (const { name, mountPath, subPath = "" } of container.volumeMounts ?? []) {
    await mount(root, { source: join(directory, "volumes", name, posix.join("/", subPath)), mountPath });
  }
  const workingDirectory = container.workingDir ?? image.process.WorkingDir;
  await mkdir(join(root, workingDirectory), { recursive: true });
  const processVariables = processEnv(image.process, env, { name: facts.pod.metadata?.name ?? "", ip: facts.podIP });
  const spec = place(words(container, image.process, env), root, workingDirectory, processVariables);
  const limit = container.resources?.limits?.["memory"];
  return { root, spec: limit === undefined ? spec : { ...spec, memoryLimitBytes: quantity(limit) } };
}

/** What this kubelet does not do is refused before the container starts, so that nobody takes it for done; throws ConfigError. */
export function refuseUnsupported(container: V1Container, pod: V1PodSpec | undefined): void {
  const probes = [container.startupProbe, container.readinessProbe, container.livenessProbe];
  const asked: Record<string, unknown> = {
    "lifecycle.postStart": container.lifecycle?.postStart,
    "grpc probes": probes.find((probe) => probe?.grpc),
    "sidecar containers": container.restartPolicy,
    volumeDevices: container.volumeDevices,
    subPathExpr: container.volumeMounts?.find((mounted) => mounted.subPathExpr),
    hostNetwork: pod?.hostNetwork,
    readinessGates: pod?.readinessGates?.[0],
    activeDeadlineSeconds: pod?.activeDeadlineSeconds,
  };
  const names = Object.keys(asked).filter((name) => asked[name]);
  if (names.length > 0) throw new ConfigError(`not implemented by this kubelet: ${names.join(", ")}`);
}

type SecurityContext = { readonly runAsNonRoot?: boolean; readonly runAsUser?: number };

function checkImageUser(container: V1Container, image: UnpackedImage, pod: SecurityContext | undefined): void {
  const own: SecurityContext | undefined = container.securityContext;
  checkUser(image.process.User, own?.runAsNonRoot ?? pod?.runAsNonRoot, own?.runAsUser ?? pod?.runAsUser);
}
