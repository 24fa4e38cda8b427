import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import type {
  V1DownwardAPIVolumeFile,
  V1KeyToPath,
  V1ProjectedVolumeSource,
  V1Volume,
  V1VolumeProjection,
} from "@kubernetes/client-node";
import { ConfigError } from "./config-error.ts";
import { configMapData, fieldValue, type PodFacts, type Sources, secretData } from "./environment.ts";

type VolumeFile = { readonly path: string; readonly data: Buffer | string; readonly mode: number | undefined };

/** Writes a volume's files into `directory`, which it makes; throws ConfigError for a kind that is not implemented. */
export async function materialise(
  volume: V1Volume,
  directory: string,
  facts: PodFacts,
  sources: Sources,
): Promise<void> {
  const files = await volumeFiles(volume, facts, sources);
  await mkdir(directory, { recursive: true });
  for (const { path, data, mode } of files) {
    const file = join(directory, posix.join("/", path));
    await mkdir(dirname(file), { recursive: true });
    await writeFile(file, data);
    await chmod(file, mode ?? 0o644);
  }
}

async function volumeFiles(volume: V1Volume, facts: PodFacts, sources: Sources): Promise<VolumeFile[]> {
  const { configMap, secret, downwardAPI, projected, emptyDir } = volume;
  if (emptyDir) return [];
  if (configMap) {
    const data = await configMapData(configMap.name ?? "", configMap.optional, sources);
    return selected(data, configMap.items, configMap.defaultMode);
  }
  if (secret) {
    const data = await secretData(secret.secretName ?? "", secret.optional, sources);
    return selected(data, secret.items, secret.defaultMode);
  }
  if (downwardAPI) return downward(downwardAPI.items ?? [], downwardAPI.defaultMode, facts);
  if (projected) return projectedFiles(volume.name, projected, facts, sources);
  throw new ConfigError(
    `volume ${volume.name}: only configMap, secret, emptyDir, downwardAPI and projected are implemented`,
  );
}

async function projectedFiles(
  name: string,
  { sources: parts = [], defaultMode = 0o644 }: V1ProjectedVolumeSource,
  facts: PodFacts,
  sources: Sources,
): Promise<VolumeFile[]> {
  const lists = parts.map(async ({ serviceAccountToken, ...part }) => {
    if (!serviceAccountToken) return volumeFiles(partAsVolume(name, part, defaultMode), facts, sources);
    const { path, audience, expirationSeconds } = serviceAccountToken;
    const data = await sources.serviceAccountToken(audience, expirationSeconds);
    return [{ path, data, mode: defaultMode }];
  });
  return (await Promise.all(lists)).flat();
}

function partAsVolume(name: string, part: V1VolumeProjection, defaultMode: number): V1Volume {
  const { configMap, secret, downwardAPI } = part;
  return {
    name,
    ...(configMap ? { configMap: { ...configMap, defaultMode } } : {}),
    ...(secret ? { secret: { ...secret, secretName: secret.name ?? "", defaultMode } } : {}),
    ...(downwardAPI ? { downwardAPI: { ...downwardAPI, defaultMode } } : {}),
  };
}

function selected(
  data: Readonly<Record<string, Buffer>> | undefined,
  items: readonly V1KeyToPath[] | undefined,
  defaultMode: number | undefined,
): VolumeFile[] {
  const wanted = items ?? Object.keys(data ?? {}).map((key): V1KeyToPath => ({ key, path: key }));
  return wanted.flatMap(({ key, path, mode }) => {
    const value = data?.[key];
    if (value === undefined && data !== undefined) throw new ConfigError(`references non-existent config key: ${key}`);
    return value === undefined ? [] : [{ path, data: value, mode: mode ?? defaultMode }];
  });
}

function downward(
  items: readonly V1DownwardAPIVolumeFile[],
  defaultMode: number | undefined,
  facts: PodFacts,
): VolumeFile[] {
  return items.map(({ path, fieldRef, mode }) => {
    if (!fieldRef) throw new ConfigError(`downwardAPI ${path}: resourceFieldRef is not implemented`);
    return { path, data: fieldValue(fieldRef, facts), mode: mode ?? defaultMode };
  });
}
