/**
 * The house rules that `deno lint` does not know: layers, a pure core, one owner for each outside
 * thing, file names, dropped promises, virtual time in tests. The tables stand in `lint/`.
 *
 * @module
 */
import { fileName } from "./lint/file_name.ts";
import { floatingCall } from "./lint/floating_call.ts";
import { importDirection } from "./lint/import_direction.ts";
import { oneOwner } from "./lint/one_owner.ts";
import { pureCore } from "./lint/pure_core.ts";
import { virtualTime } from "./lint/virtual_time.ts";

/** The plugin that deno.json names. */
const plugin: Deno.lint.Plugin = {
  name: "ferry",
  rules: {
    "file-name": fileName,
    "floating-call": floatingCall,
    "import-direction": importDirection,
    "one-owner": oneOwner,
    "pure-core": pureCore,
    "virtual-time": virtualTime,
  },
};

export default plugin;
