/**
 * What to send, given what the receiver holds. Pure: no file, no stream.
 *
 * A receiver claims the hashes of whole leaves from the front. The sender compares them with its own
 * file and starts at the first that differs. Hashing runs at the speed of the disk, so a long claim is
 * compared in two portions: the first delays the first byte, the rest is compared while sending, and
 * a difference found that late ends the transfer. That is for a source that looks like the one that the part
 * was begun with; a receiver who knows that it is another asks for all of its claim to be compared first.
 *
 * @module
 */
import { LEAF_BYTES } from "../crypto/mod.ts";

/**
 * Leaves compared before the first byte: with the token of the source that the part was begun with, enough
 * to tell the same file. 64 MiB take 0.05 s, and 0.2 s from a disk of 300 MB/s.
 */
export const LEAVES_COMPARED_FIRST = 64;
/** Added to the count of a claim that is to be compared as a whole before the first byte. */
export const COMPARE_ALL = 0x8000_0000;
/** Longest claim, in leaves: 32 MiB of hashes for 1 TiB. What lies behind is sent again. */
export const MAX_CLAIMED_LEAVES = 1 << 20;

/** Where a sender starts, and what is left to compare. */
export interface ResumePlan {
  /** First leaf to send. */
  readonly startLeaf: number;
  /** First byte to send. */
  readonly startOffset: number;
  /** Leaves from {@linkcode LEAVES_COMPARED_FIRST} up to here are compared while sending; 0 for none. */
  readonly compareUntil: number;
}

/** Whether a file has more than one leaf: smaller ones are sent at once, without asking what is held. */
export function isResumable(sizeBytes: number): boolean {
  return sizeBytes > LEAF_BYTES;
}

/** Most leaves that a receiver of a file of this size may claim. */
export function claimableLeaves(sizeBytes: number): number {
  return Math.min(Math.floor(sizeBytes / LEAF_BYTES), MAX_CLAIMED_LEAVES);
}

/** How many of the claimed leaves are compared before the first byte. */
export function leavesComparedFirst(claimedLeaves: number): number {
  return Math.min(claimedLeaves, LEAVES_COMPARED_FIRST);
}

/** The plan, once the first portion, or all of it, is compared and `agreeingLeaves` of it were equal. */
export function planResume(
  claimedLeaves: number,
  agreeingLeaves: number,
  comparedLeaves: number = leavesComparedFirst(claimedLeaves),
): ResumePlan {
  const isPrefixEqual = agreeingLeaves === comparedLeaves;
  const startLeaf = isPrefixEqual ? claimedLeaves : agreeingLeaves;
  return {
    startLeaf,
    startOffset: startLeaf * LEAF_BYTES,
    compareUntil: isPrefixEqual && claimedLeaves > comparedLeaves ? claimedLeaves : 0,
  };
}
