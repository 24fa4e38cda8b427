import { between, letters, type Random } from "./chance.ts";
import type { EventQueue } from "./event-queue.ts";
import type { Behaviour, CapacityCause, Pod, PodSet } from "./workload.ts";

const SECOND = 1000;
const NODES = 3;
/** From here on a dead container is not started again, so that a simulation comes to rest. */
const MAX_RESTARTS = 6;
const MAX_BACK_OFF_MS = 300 * SECOND;

export interface PodsDependencies {
  queue: EventQueue;
  random: Random;
  behaviour(image: string): Behaviour;
  /** Told after every change of what a pod counts as. */
  changed(pod: Pod, cause: CapacityCause): void;
}

/** The kubelets: pods start, become ready, die and end. */
export interface Pods {
  /** Those of a namespace that exist, also the terminating ones, oldest first. */
  in(namespace: string): ReadonlyMap<string, Pod>;
  /** Those that are not terminating, of all namespaces. */
  all(): readonly Pod[];
  create(set: PodSet, cause: CapacityCause): void;
  /** Begins to terminate it: it counts no more, and answers for a little while. */
  remove(pod: Pod, cause: CapacityCause): void;
  /** Its container dies and is started again. */
  crash(pod: Pod): void;
}

export function createPods({ queue, random, behaviour, changed }: PodsDependencies): Pods {
  const spaces = new Map<string, Map<string, Pod>>();
  let orders = 0;
  const spaceOf = (namespace: string): Map<string, Pod> => {
    const known = spaces.get(namespace);
    if (known !== undefined) return known;
    const space = new Map<string, Pod>();
    spaces.set(namespace, space);
    return space;
  };
  const later = (pod: Pod, from: number, to: number, run: (pod: Pod) => void): void => {
    queue.cancel(pod.next);
    pod.next = queue.after(between(random, from, to), () => run(pod));
  };

  function create(set: PodSet, cause: CapacityCause): void {
    const space = spaceOf(set.workload.stored.namespace);
    let name = `${set.name}-${letters(random, 5)}`;
    while (space.has(name)) name = `${set.name}-${letters(random, 5)}`;
    const pod: Pod = {
      ...{ name, set, template: set.template, order: ++orders, node: between(random, 1, NODES) },
      behaviour: behaviour(set.template.image),
      ...{ state: "creating", ready: false, readySince: 0, sick: false, terminating: false, serving: false },
      ...{ deaths: 0, restarts: 0, exitCode: undefined, flaps: between(random, 1, 2), next: undefined },
    };
    space.set(name, pod);
    set.pods.push(pod);
    changed(pod, cause);
    later(pod, 0.8 * SECOND, 4 * SECOND, run);
  }

  function run(pod: Pod): void {
    pod.state = "running";
    pod.sick = false;
    switch (pod.behaviour) {
      case "crash":
        later(pod, 0.5 * SECOND, 2.5 * SECOND, die);
        return;
      case "stuck":
        return;
      case "slow":
        later(pod, 50 * SECOND, 70 * SECOND, becomeReady);
        return;
      case "good":
      case "wrong":
      case "unhealthy":
      case "flapping":
        later(pod, SECOND, 6 * SECOND, becomeReady);
        return;
      default:
        pod.behaviour satisfies never;
    }
  }

  function becomeReady(pod: Pod): void {
    pod.sick = false;
    if (!pod.ready) {
      pod.ready = true;
      pod.serving = true;
      pod.readySince = queue.time();
      changed(pod, "ready");
    }
    if (pod.behaviour === "flapping" && pod.flaps > 0) later(pod, 2 * SECOND, 20 * SECOND, flap);
  }

  function flap(pod: Pod): void {
    pod.flaps -= 1;
    pod.sick = true;
    // Half of the time the readiness probe does not notice.
    if (random() < 0.5) becomeUnready(pod, "flap");
    later(pod, 2 * SECOND, 9 * SECOND, becomeReady);
  }

  function becomeUnready(pod: Pod, cause: CapacityCause): void {
    if (!pod.ready) return;
    pod.ready = false;
    pod.serving = false;
    changed(pod, cause);
  }

  /** The first restart comes at once, every further one after twice the time. */
  function die(pod: Pod): void {
    pod.deaths += 1;
    pod.exitCode = 1;
    if (pod.deaths === 1) {
      restart(pod);
      return;
    }
    pod.state = "waiting";
    const backOff = Math.min(MAX_BACK_OFF_MS, 10 * SECOND * 2 ** (pod.deaths - 2));
    if (pod.restarts < MAX_RESTARTS) later(pod, backOff, backOff, restart);
  }

  function restart(pod: Pod): void {
    pod.restarts += 1;
    run(pod);
  }

  function crash(pod: Pod): void {
    if (pod.state !== "running" || pod.terminating) return;
    pod.exitCode = 137;
    becomeUnready(pod, "crash");
    restart(pod);
  }

  function remove(pod: Pod, cause: CapacityCause): void {
    if (pod.terminating) return;
    pod.terminating = true;
    const { pods } = pod.set;
    pods.splice(pods.indexOf(pod), 1);
    changed(pod, cause);
    // Until every proxy knows that it leaves, it goes on answering.
    if (pod.serving) later(pod, 0.2 * SECOND, 1.5 * SECOND, leave);
    else later(pod, 0.1 * SECOND, 3 * SECOND, end);
  }

  function leave(pod: Pod): void {
    pod.serving = false;
    later(pod, 0.5 * SECOND, 8 * SECOND, end);
  }

  function end({ name, set }: Pod): void {
    spaceOf(set.workload.stored.namespace).delete(name);
  }

  return {
    in: (namespace) => spaces.get(namespace) ?? NO_PODS,
    all: () => [...spaces.values()].flatMap((space) => [...space.values()].filter(({ terminating }) => !terminating)),
    create,
    remove,
    crash,
  };
}

const NO_PODS: ReadonlyMap<string, Pod> = new Map();
