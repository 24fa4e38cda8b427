import type { RegistryClient } from "../container-registry/client.ts";
import { type Descriptor, digestOf, MEDIA_TYPES } from "../container-registry/image-format.ts";

/** A layer of the image: written by this build, or the base's, which lies in the registry already. */
export type ImageLayer = { descriptor: Descriptor; diffId: string } & ({ file: string } | { from: string });

export type BuiltImage = {
  /** The configuration, as it is stored. */
  config: Buffer;
  layers: readonly ImageLayer[];
};

const ociTypes = new Map<string, string>([
  [MEDIA_TYPES.dockerLayer, MEDIA_TYPES.layer],
  [MEDIA_TYPES.dockerLayerGzip, MEDIA_TYPES.layerGzip],
]);

function describe({ descriptor: { mediaType, digest, size } }: ImageLayer): Descriptor {
  return { mediaType: ociTypes.get(mediaType) ?? mediaType, digest, size };
}

/** Sends what the registry does not have, then the manifest under each tag; returns its digest. */
export async function pushImage(
  client: RegistryClient,
  image: BuiltImage,
  repository: string,
  tags: readonly string[],
  log: (line: string) => void,
): Promise<string> {
  async function pushLayer(layer: ImageLayer): Promise<string> {
    const { digest } = layer.descriptor;
    if (await client.hasBlob(repository, digest)) return "Layer already exists";
    if ("from" in layer) {
      await client.mountBlob(repository, digest, layer.from);
      return `Mounted from ${layer.from}`;
    }
    await client.uploadBlob(repository, layer.descriptor, layer.file);
    return "Pushed";
  }

  log(`The push refers to repository [${client.host}/${repository}]`);
  for (const layer of image.layers) {
    log(`${layer.descriptor.digest.slice("sha256:".length, 19)}: ${await pushLayer(layer)}`);
  }
  const config = { mediaType: MEDIA_TYPES.config, digest: digestOf(image.config), size: image.config.length };
  if (!(await client.hasBlob(repository, config.digest))) {
    await client.uploadBlob(repository, config, image.config);
  }
  const layers = image.layers.map(describe);
  const manifest = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: MEDIA_TYPES.manifest, config, layers }));
  const digest = digestOf(manifest);
  for (const tag of tags) {
    await client.writeManifest(repository, tag, MEDIA_TYPES.manifest, manifest);
    log(`${tag}: digest: ${digest} size: ${manifest.length}`);
  }
  return digest;
}
