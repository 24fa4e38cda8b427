import { startDeploymentController } from "./deployment.ts";
import { startEndpointsController } from "./endpoints.ts";
import { startGarbageCollector } from "./garbage.ts";
import type { ControllerContext } from "./recorder.ts";
import { startReplicaSetController } from "./replica-set.ts";
import { startScheduler } from "./scheduler.ts";

const CONTROLLERS = [
  startGarbageCollector,
  startDeploymentController,
  startReplicaSetController,
  startScheduler,
  startEndpointsController,
];

/** Starts every controller; what is returned stops them all. */
export function startControllers(context: ControllerContext): () => void {
  const stops = CONTROLLERS.map((start) => start(context));
  return () => {
    for (const stop of stops) stop();
  };
}
