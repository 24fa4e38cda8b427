import { buffer } from "node:stream/consumers";
import { gzipSync } from "node:zlib";
import { type Header, pack } from "tar-stream";
import { digestOf, MEDIA_TYPES } from "../../../infra/local/container-registry/image-format.ts";

export type Entry = Partial<Header> & { name: string; content?: string };

/** A tar archive of these entries, as they stand. */
export async function tarOf(entries: readonly Entry[]): Promise<Buffer> {
  const archive = pack();
  // Without a time of their own they are of now, and the same image would have another digest in the next second.
  for (const { content = "", ...header } of entries) archive.entry({ mtime: new Date(0), ...header }, content);
  archive.finalize();
  return buffer(archive);
}

/** Uploads in one POST; returns the descriptor. */
export async function pushBlob(url: string, repository: string, mediaType: string, bytes: Buffer) {
  const digest = digestOf(bytes);
  const answer = await fetch(`${url}/v2/${repository}/blobs/uploads/?digest=${digest}`, {
    method: "POST",
    body: bytes,
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return { mediaType, digest, size: bytes.length };
}

export function putManifest(url: string, repository: string, reference: string, manifest: { mediaType: string }) {
  return fetch(`${url}/v2/${repository}/manifests/${reference}`, {
    method: "PUT",
    headers: { "content-type": manifest.mediaType },
    body: JSON.stringify(manifest),
  });
}

/** Pushes an image of these layers and this process configuration; returns its manifest and digest. */
export async function pushImage(
  url: string,
  repository: string,
  tag: string,
  layers: readonly (readonly Entry[])[],
  config: Record<string, unknown> = {},
) {
  const descriptors = [];
  const diffIds: string[] = [];
  for (const entries of layers) {
    const archive = await tarOf(entries);
    descriptors.push(await pushBlob(url, repository, MEDIA_TYPES.layerGzip, gzipSync(archive)));
    diffIds.push(digestOf(archive));
  }
  const text = JSON.stringify({
    architecture: process.arch === "x64" ? "amd64" : process.arch,
    os: "linux",
    config,
    rootfs: { type: "layers", diff_ids: diffIds },
  });
  const manifest = {
    schemaVersion: 2,
    mediaType: MEDIA_TYPES.manifest,
    config: await pushBlob(url, repository, MEDIA_TYPES.config, Buffer.from(text)),
    layers: descriptors,
  };
  const answer = await putManifest(url, repository, tag, manifest);
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
  return { manifest, digest: digestOf(Buffer.from(JSON.stringify(manifest))) };
}
