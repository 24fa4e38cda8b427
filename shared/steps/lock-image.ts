import type { ImageRegistry } from "../ports/image-registry.ts";
import { splitImage } from "./stored-release.ts";

/** Locks an image and says whether it is there. First lock, then look: what is found and then locked may be gone in between. */
export async function lockImage(images: ImageRegistry, image: string, signal: AbortSignal): Promise<boolean> {
  const { repository, digest } = splitImage(image);
  return (await images.lock(repository, digest, signal)) && (await images.exists(repository, digest, signal));
}
