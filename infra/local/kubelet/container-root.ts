import { link, mkdir, readdir, readlink, rm, symlink } from "node:fs/promises";
import { dirname, join, posix, relative } from "node:path";

/** A volume's folder, or a path below it, and where the container sees it. */
export type Mount = { readonly source: string; readonly mountPath: string };

/**
 * Makes a container's root out of an unpacked image: folders of its own, files as hard links, so that pods of one image
 * share its bytes. Symbolic links must be relative, as the registry client leaves them. An older root is replaced.
 */
export async function makeRoot(image: string, root: string): Promise<void> {
  await rm(root, { recursive: true, force: true });
  await mkdir(root, { recursive: true });
  const entries = await readdir(image, { recursive: true, withFileTypes: true });
  const folders = entries.filter((entry) => entry.isDirectory());
  for (const entry of folders)
    await mkdir(join(root, relative(image, entry.parentPath), entry.name), { recursive: true });
  for (const entry of entries) {
    const source = join(entry.parentPath, entry.name);
    const target = join(root, relative(image, source));
    if (entry.isSymbolicLink()) await symlink(await readlink(source), target);
    else if (entry.isFile()) await link(source, target);
  }
}

/** Lets a container see a volume: its path in the root, hidden if the image had it, becomes a link to the volume. */
export async function mount(root: string, { source, mountPath }: Mount): Promise<void> {
  const target = join(root, posix.join("/", mountPath));
  await rm(target, { recursive: true, force: true });
  await mkdir(dirname(target), { recursive: true });
  await symlink(source, target);
}
