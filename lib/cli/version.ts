/** The program's name as users see it. */
export const PRODUCT = "Ferry";

/** The program's version; the protocol has its own. */
export const VERSION = "0.1.0";
