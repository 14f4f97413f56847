/**
 * Everything that a client can ask of a server: the functions that ask, and the table that answers.
 *
 * @module
 */
import type { Operation } from "../request/mod.ts";
import { authenticateOperation } from "./authenticate.ts";
import { shutdownOperation } from "./control.ts";
import { downloadOperation } from "./download.ts";
import { answeringFailures } from "./error_status.ts";
import { hashOperation, statOperation } from "./file_info.ts";
import { makeDirectoriesLikeOperation, makeDirectoriesOperation } from "./make_directories.ts";
import { listOperation, walkOperation } from "./listing.ts";
import {
  makeDirectoryOperation,
  removeDirectoryOperation,
  removeOperation,
  renameOperation,
} from "./name_changes.ts";
import { rateOperation } from "./rate.ts";
import type { ServeContext } from "./serve_context.ts";
import { downloadPackOperation } from "./serve_download_pack.ts";
import { uploadPackOperation } from "./serve_upload_pack.ts";
import { uploadOperation } from "./upload.ts";

export { askStanding, CodeError, proveCode } from "./authenticate.ts";
export type {
  CodeErrorKind,
  CodeGate,
  CodeProven,
  ProveCodeOptions,
  Standing,
} from "./authenticate.ts";
export { shutdownServer } from "./control.ts";
export type { ShutdownReply } from "./control.ts";
export { listDirectory, walkTree } from "./listing.ts";
export type { ListingOptions, SkippedEntry, WalkEntry, WalkPage } from "./listing.ts";
export { makeDirectory, removeDirectory, removePath, renamePath } from "./name_changes.ts";
export { download } from "./download.ts";
export { EXISTS_POLICIES, receivedFolderMode } from "./existing_target.ts";
export type { ExistsPolicy } from "./existing_target.ts";
export { ListingBudget } from "./listing_budget.ts";
export { makeDirectories } from "./make_directories.ts";
export { hashFile, statPath } from "./file_info.ts";
export type { FileHash } from "./file_info.ts";
export {
  LEAST_RATE_BYTES_PER_SECOND,
  type RateSetting,
  requestRate,
  stricterRate,
  UNHELD,
} from "./rate.ts";
export type { GuessEvent, ServeContext, ServiceEvent, TransferEvent } from "./serve_context.ts";
export { FEATURES, featuresForAnyone, readsCompressed, roleOfAnyone } from "./features.ts";
export type {
  LocalFile,
  TransferGauge,
  TransferOptions,
  TransferProgress,
  TransferResult,
  TransferStart,
} from "./transfer_options.ts";
export { upload } from "./upload.ts";
export { downloadPack } from "./download_pack.ts";
export { PendingProofs } from "./pending_proofs.ts";
export {
  PACKED_FILE_BYTES,
  type PackedFile,
  type PackedOutcome,
  type PackOptions,
} from "./pack.ts";
export { uploadPack } from "./upload_pack.ts";
export { type UploadClaimant, UploadClaims, type UploadClaimsOptions } from "./upload_claims.ts";

/** The server's table: one row for each operation, in the order of their numbers. */
export const serverOperations: readonly Operation<unknown, unknown, ServeContext>[] = [
  listOperation,
  walkOperation,
  statOperation,
  hashOperation,
  makeDirectoryOperation,
  removeDirectoryOperation,
  removeOperation,
  renameOperation,
  makeDirectoriesLikeOperation,
  makeDirectoriesOperation,
  downloadOperation,
  uploadOperation,
  uploadPackOperation,
  downloadPackOperation,
  shutdownOperation,
  rateOperation,
  authenticateOperation,
].map((operation) => answeringFailures<unknown, unknown, ServeContext>(operation));
