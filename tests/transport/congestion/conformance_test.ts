import { assert } from "@std/assert";
import type { CongestionControllerFactory } from "../../../lib/transport/congestion/controller.ts";
import { testCongestionController } from "../../conformance/congestion_controller_suite.ts";

const folder = new URL("../../../lib/transport/congestion/", import.meta.url);

const names = [...Deno.readDirSync(folder)]
  .filter((entry) => entry.isFile && entry.name !== "controller.ts")
  .map((entry) => entry.name.replace(/\.ts$/, ""))
  .sort();

for (const name of names) {
  const loaded = await import(new URL(`${name}.ts`, folder).href);
  const factory: CongestionControllerFactory | undefined = loaded.congestionController;

  Deno.test(`${name}.ts exports a controller of its own name`, () => {
    assert(factory !== undefined, "no export `congestionController`");
    assert(factory.name === name, `its name is "${factory.name}"`);
    assert(/^[a-z][a-z0-9_]*$/.test(name), "the name cannot be given on the command line");
  });

  if (factory !== undefined) testCongestionController(factory);
}
