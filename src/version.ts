/** The version, as in package.json (a test compares them). */
export const version = '0.1.0';

/** When this version was made: a wall clock that reads earlier is wrong. Unix milliseconds. */
export const releasedAtMs = Date.UTC(2026, 10, 1);
