/** A filter of the messages: as an address has it, and as the journal takes it. */

import { isSendErrorCode } from '../errors.js';
import type { LogFilter } from '../journal/entries.js';

/** Which messages to show. */
export interface MessageQuery
  extends Pick<
    LogFilter,
    'status' | 'code' | 'modem' | 'caller' | 'country' | 'sinceMs' | 'untilMs' | 'before'
  > {}

/** Of what is not understood, nothing is asked for. */
export function readQuery(params: URLSearchParams): MessageQuery {
  const status = Number(params.get('status'));
  const code = params.get('code') ?? undefined;
  return {
    status: Number.isInteger(status) && status >= 200 && status < 600 ? status : undefined,
    code: isSendErrorCode(code) ? code : undefined,
    modem: nameIn(params, 'modem', /^[A-Za-z0-9._-]{1,32}$/),
    caller: nameIn(params, 'caller', /^[A-Za-z0-9 ._-]{1,64}$/),
    country: nameIn(params, 'country', /^[A-Z]{2}$/),
    sinceMs: timeIn(params, 'from'),
    untilMs: timeIn(params, 'until'),
    before: placeIn(params.get('before')),
  };
}

function nameIn(params: URLSearchParams, key: string, form: RegExp): string | undefined {
  const value = params.get(key) ?? '';
  return form.test(value) ? value : undefined;
}

/** `2026-11-30T03:15`, in UTC. */
function timeIn(params: URLSearchParams, key: string): number | undefined {
  const value = params.get(key) ?? '';
  if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d)?$/.test(value)) return undefined;
  const atMs = Date.parse(`${value}Z`);
  return Number.isNaN(atMs) ? undefined : atMs;
}

/** As {@link readQuery} takes it; with seconds where there are any. */
export function timeText(atMs: number | undefined): string | undefined {
  if (atMs === undefined) return undefined;
  return new Date(atMs).toISOString().slice(0, atMs % 60_000 === 0 ? 16 : 19);
}

function placeIn(value: string | null): MessageQuery['before'] {
  const match = /^(\d{1,15})\.([0-9a-f-]{36})$/.exec(value ?? '');
  return match ? { atMs: Number(match[1]), id: match[2]! } : undefined;
}

/** The query of an address, with its `?`; empty when all is asked for. */
export function queryString(query: MessageQuery): string {
  const { status, code, modem, caller, country, sinceMs, untilMs, before } = query;
  const params = new URLSearchParams();
  const pairs: [string, string | undefined][] = [
    ['status', status?.toString()],
    ['code', code],
    ['modem', modem],
    ['caller', caller],
    ['country', country],
    ['from', timeText(sinceMs)],
    ['until', timeText(untilMs)],
    ['before', before && `${before.atMs}.${before.id}`],
  ];
  for (const [key, value] of pairs) if (value !== undefined) params.set(key, value);
  const text = params.toString();
  return text === '' ? '' : `?${text}`;
}
