/**
 * The disk and the sandbox: paths below a served folder, files read from it and written to it.
 *
 * @module
 */
export * from "./remote_path.ts";
export * from "./file_error.ts";
export type * from "./disk.ts";
export { needsEveryPermission } from "./system_disk/descriptor_walk.ts";
export { systemDisk } from "./system_disk/system_disk.ts";
export { followUserLinks, readUserFile } from "./system_disk/user_paths.ts";
export type { DirectoryEntry, FileStatus } from "./directory_listing.ts";
export { allEnded } from "./all_ended.ts";
export { forEachOf } from "./for_each_of.ts";
export { openLocked } from "./locked_file.ts";
export { NEW_FOLDER_MODE } from "./made_root.ts";
export { FileRoot, type FileRootOptions } from "./file_root.ts";
export type { NewFolder } from "./name_changes.ts";
export type { WalkStep } from "./tree_walk.ts";
export type { SourceFile } from "./source_file.ts";
export { type ExistingFile, type FileLooks, looksLike } from "./existing_file.ts";
export { leafHashes } from "./leaf_hashes.ts";
export type { CleanupOptions, CleanupResult } from "./staging_cleanup.ts";
export type { NoteOptions } from "./staging_notes.ts";
export { digestFile, type DigestOptions } from "./file_digest.ts";
export { LeafBlock } from "./leaf_block.ts";
export { type FileVersion, isSettled, LeafMemory, SETTLED_MS } from "./leaf_memory.ts";
export { countEqualLeaves, type LeafComparison } from "./leaf_comparison.ts";
export type { Durability, PartialFile, PartialOptions } from "./partial_file.ts";
