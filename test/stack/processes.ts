import { execFileSync } from "node:child_process";

/** Every process that this one started, directly or not, with its command. */
export function descendants(): ReadonlyMap<number, string> {
  const table = execFileSync("ps", ["-A", "-o", "pid=,ppid=,args="], { encoding: "utf8" });
  const all = [...table.matchAll(/^ *(\d+) +(\d+) +(.*)$/gm)].map(([, pid, parent, command = ""]) => ({
    pid: Number(pid),
    parent: Number(parent),
    command,
  }));
  const found = new Map<number, string>();
  const visit = (parent: number) => {
    for (const one of all)
      if (one.parent === parent && !one.command.startsWith("ps ")) {
        found.set(one.pid, one.command);
        visit(one.pid);
      }
  };
  visit(process.pid);
  return found;
}

/** Whether a process of that id is there, whoever its parent is by now. */
export function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
