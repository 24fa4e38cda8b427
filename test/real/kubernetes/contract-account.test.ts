import { realClusterContract } from "./contract-stage.ts";

realClusterContract("account");
