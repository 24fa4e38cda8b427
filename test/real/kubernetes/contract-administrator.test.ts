import { realClusterContract } from "./contract-stage.ts";

realClusterContract("administrator");
