/** What the store writes, and what it counts, in SQL. */

import { deliveryColumns, entryColumns, lateColumns } from './rows.js';

const marks = entryColumns.replace(/[^,]+/g, '?');
/** A promise that comes after a start or an end says nothing new. */
export const insertPromised = `INSERT INTO messages (${entryColumns}) VALUES (${marks}) ON CONFLICT (id) DO NOTHING`;
/**
 * The start of a message that waited, or a later one at another modem, to which the message went
 * over; after its outcome, a start changes nothing.
 */
export const insertStarted = `INSERT INTO messages (${entryColumns}) VALUES (${marks}) ON CONFLICT (id) DO UPDATE SET
  change_id = excluded.change_id, state = 'started', was_started = 1,
  modem = excluded.modem, sim_masked = excluded.sim_masked, sim_hmac = excluded.sim_hmac,
  tail_hmac = excluded.tail_hmac, reports_until = excluded.reports_until
  WHERE state IN ('waiting', 'started')`;
/** What the start said is said again, but for the SIM and modem if the end does not know them. */
export const upsertEnded = `INSERT INTO messages (${entryColumns}) VALUES (${marks}) ON CONFLICT (id) DO UPDATE SET
  change_id = excluded.change_id, state = 'ended', was_started = max(was_started, excluded.was_started),
  segments = coalesce(excluded.segments, segments), modem = coalesce(excluded.modem, modem),
  sim_masked = coalesce(excluded.sim_masked, sim_masked), sim_hmac = coalesce(excluded.sim_hmac, sim_hmac),
  tail_hmac = coalesce(excluded.tail_hmac, tail_hmac), reports_until = coalesce(excluded.reports_until, reports_until),
  status = excluded.status, code = excluded.code, cause_code = excluded.cause_code, submitted = excluded.submitted,
  detail = excluded.detail, "references" = excluded."references", waited_ms = excluded.waited_ms, took_ms = excluded.took_ms`;
export const updateLate = `UPDATE messages SET (change_id, ${lateColumns}) = (?, ?, ?, ?, ?, ?, ?, ?) WHERE id = ? AND state <> 'counted'`;
/** What reports said after the row has gone is lost. */
export const updateDelivery = `UPDATE messages SET (change_id, ${deliveryColumns}) = (?, ?, ?, ?, ?, ?) WHERE id = ? AND state <> 'counted'`;
/**
 * How messages ended whose time for reports is over; those that never reached the network count for
 * nothing.
 */
export const endsByCountry = `SELECT country, sum(delivery IS 'delivered') AS delivered,
  sum(coalesce(delivery IN ('failed', 'expired', 'replaced'), 0)) AS failed,
  sum(coalesce(delivery NOT IN ('delivered', 'failed', 'expired', 'replaced'), 1)) AS silent FROM messages
  WHERE reports_until IS NOT NULL AND at >= ? AND reports_until < ? AND change_id <= ? AND country IS NOT NULL
  AND coalesce(late_submitted, submitted, 'unknown') = 'yes' GROUP BY country`;
export const upsertHold = `INSERT INTO holds VALUES (?, ?, ?, ?)
  ON CONFLICT (kind, key) DO UPDATE SET strikes = excluded.strikes, until = excluded.until`;

/** The caps of a SIM ask when, by which, for which caller, to whom (an HMAC) and how much. */
export const stripExpired = `UPDATE messages SET state = 'counted', recipient_masked = NULL, block_hmac = NULL,
  ip_hmac = NULL, country = NULL, key_hmac = NULL, request_hmac = NULL, key_for_ms = NULL, sim_masked = NULL, detail = NULL, "references" = NULL, late_detail = NULL, late_references = NULL,
  tail_hmac = NULL, reports_until = NULL, delivery = NULL, delivery_segments = NULL
  WHERE row_id IN (SELECT row_id FROM messages
    WHERE state <> 'counted' AND at < ? AND was_started = 1 AND at >= ? ORDER BY at LIMIT ?)`;
export const deleteExpired = `DELETE FROM messages WHERE row_id IN (SELECT row_id FROM messages
  WHERE state <> 'counted' AND at < ? AND (was_started = 0 OR at < ?) ORDER BY at LIMIT ?)`;
export const deleteCounted = `DELETE FROM messages WHERE row_id IN (SELECT row_id FROM messages
  WHERE state = 'counted' AND at < ? ORDER BY at LIMIT ?)`;

/** A whole count, and so it may be written twice. */
export const insertRefused = `INSERT INTO refused (began_at, span_ms, code, caller, run, status, count) VALUES (?, 60000, ?, ?, ?, ?, ?)
  ON CONFLICT DO UPDATE SET count = max(count, excluded.count)`;
/** Minutes become hours, of no run. */
export const addUpRefused = `INSERT INTO refused (began_at, span_ms, code, caller, run, status, count)
  SELECT began_at - began_at % 3600000, 3600000, code, caller, 0, max(status), sum(count) FROM refused
    WHERE span_ms = 60000 AND began_at < ? GROUP BY 1, code, caller
  ON CONFLICT DO UPDATE SET count = count + excluded.count`;
export const deleteAddedUp = 'DELETE FROM refused WHERE span_ms = 60000 AND began_at < ?';
/** Those that are too old, those of a clock that was ahead, and the oldest of too many. */
export const cutRefused = `DELETE FROM refused WHERE began_at < ? OR began_at > ?
  OR began_at < (SELECT began_at FROM refused ORDER BY began_at DESC LIMIT 1 OFFSET ?)`;

/** Those that have been over for long, and the oldest of those that are more than may be kept. */
export const cutHolds = `DELETE FROM holds WHERE until < ?
  OR (kind, key) IN (SELECT kind, key FROM holds ORDER BY until DESC LIMIT -1 OFFSET ?)`;

/** What may have been submitted counts as sent; a late outcome is the truth. */
export const usesOfHour = `SELECT sim_hmac, iif(sim_hmac IS NULL, modem, NULL) AS modem, caller, sum(segments) AS segments,
  json_group_array(DISTINCT recipient_hmac) AS recipients FROM messages
  WHERE was_started = 1 AND at >= ? AND at < ? AND change_id <= ? AND coalesce(late_submitted, submitted, 'unknown') <> 'no'
  GROUP BY 1, 2, caller`;

export const bringBackMessages = 'UPDATE messages SET at = ? WHERE at > ?';
/** None lasts for a day. */
export const bringBackHolds = 'UPDATE holds SET until = ? WHERE until > ?';

export const noteOpening =
  'INSERT INTO openings VALUES (1, ?) ON CONFLICT DO UPDATE SET at = excluded.at';
export const closeOpenRows = `UPDATE messages SET state = 'ended', status = 504, code = 'outcome_unknown', submitted = 'unknown',
  change_id = ? WHERE state = 'started'`;
/** What was promised and never started was surely not sent. */
export const closeWaitingRows = `UPDATE messages SET state = 'ended', status = 503, code = 'shutting_down', submitted = 'no',
  change_id = ? WHERE state = 'waiting'`;
