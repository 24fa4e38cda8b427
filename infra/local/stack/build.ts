import { BuildError, createImageBuilder } from "../image-builder/image-builder.ts";
import { type Build, BuildServiceError } from "../resource-manager/build.ts";

/** What the stand-in for ACR Tasks builds with: the built-in image builder, pushing to the stack's registry. */
export function createBuild(registry: { url: string; loginServer: string; ca: string }): Build {
  const builder = createImageBuilder();
  return async ({ contextTarGz, dockerfile, imageNames, arguments: buildArguments, platform, log, signal }) => {
    try {
      const { digest, repository, tags } = await builder.build({
        contextTarGz,
        dockerfile,
        buildArguments,
        platform,
        registry: { url: registry.url, ca: registry.ca },
        tags: imageNames,
        log,
        signal,
      });
      return { images: tags.map((tag) => ({ registry: registry.loginServer, repository, tag, digest })) };
    } catch (error) {
      // What is wrong with Dockerfile or context is the build's; all else is the builder's.
      if (error instanceof BuildError) throw error;
      throw new BuildServiceError(error instanceof Error ? error.message : String(error), { cause: error });
    }
  };
}
