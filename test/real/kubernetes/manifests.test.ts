// The same tests as against the stand-in: what a real API server takes, and whose word the number of pods is.
import "../../contracts/replicas.test.ts";
import "../../kubernetes/apply.test.ts";
import "../../steps/autoscaled-release.test.ts";
