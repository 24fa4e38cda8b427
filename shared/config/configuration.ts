import { type Environment, readEnvironment } from "./environment.ts";
import { type DeliveryPolicy, readPolicy } from "./read-policy.ts";

/** Everything Belay was told, read once. */
export interface Configuration {
  environment: Environment;
  policy: DeliveryPolicy;
}
