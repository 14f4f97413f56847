/**
 * Moving one file over one stream.
 *
 * @module
 */
export * from "./held_file.ts";
export * from "./leaf_choice.ts";
export * from "./limits.ts";
export * from "./peer.ts";
export * from "./plain_hash.ts";
export * from "./progress.ts";
export * from "./receiver.ts";
export * from "./resume_plan.ts";
export * from "./sender.ts";
export * from "./source_token.ts";
export * from "./transfer_error.ts";
export * from "./whole_file.ts";
