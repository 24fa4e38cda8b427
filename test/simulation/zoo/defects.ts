import { ACCEPTING } from "./accepting.ts";
import { BUILDING } from "./building.ts";
import { CLUSTER } from "./cluster.ts";
import type { Defect } from "./defect.ts";
import { RUNNING } from "./running.ts";
import { STATE } from "./state.ts";
import { TELLING } from "./telling.ts";

/** Every planted defect that the simulator must find. */
export const DEFECTS: readonly Defect[] = [...ACCEPTING, ...RUNNING, ...BUILDING, ...CLUSTER, ...STATE, ...TELLING];
