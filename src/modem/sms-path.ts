/**
 * By which way an SMS goes out: circuit-switched, packet-switched, or IMS; and what to set where
 * none works.
 */

import { quickMs } from './dialogue.js';
import type { Modem } from './modem.js';
import { isRegistered, type RegistrationStats } from './registration.js';

/** What is known of the way. */
export interface SmsPath {
  /**
   * `+CGSMS` (27.007 10.1.21): 0 packet only, 1 circuit only, 2 packet first, 3 circuit first;
   * undefined when the modem does not tell.
   */
  cgsms: number | undefined;
  /**
   * Whether it is registered with IMS (`+CIREG`, 27.007 8.71, or the vendor's way); undefined when
   * the modem does not tell.
   */
  ims: boolean | undefined;
}

/** Asks the modem; what it does not tell, or has never heard of, is undefined. */
export async function smsPath(modem: Modem): Promise<SmsPath> {
  const service = await modem.askOptional('AT+CGSMS?', /^\+CGSMS:/, quickMs);
  const cgsms = /^\+CGSMS: *([0-3])\b/.exec(service?.[0] ?? '')?.[1];
  let ims: boolean | undefined;
  for (const { text, response } of [imsOf3gpp, ...(modem.profile.ims ? [modem.profile.ims] : [])]) {
    const lines = await modem.askOptional(text, response, quickMs);
    const told = response.exec(lines?.[0] ?? '')?.[1];
    if (told !== undefined) ims = told !== '0';
    if (ims === true) break;
  }
  return { cgsms: cgsms === undefined ? undefined : Number(cgsms), ims };
}

/** `+CIREG: <n>,<reg_info>`; its URC is called `+CIREGU`. */
const imsOf3gpp = { text: 'AT+CIREG?', response: /^\+CIREG: *\d+ *, *(\d)/ };

const services = [
  'packet-switched only',
  'circuit-switched only',
  'packet-switched first',
  'circuit-switched first',
];

/** The way in words; undefined when nothing is known of it. */
export function pathInWords({ cgsms, ims }: SmsPath): string | undefined {
  const parts = [
    ...(cgsms === undefined ? [] : [`+CGSMS: ${cgsms} (${services[cgsms]})`]),
    ...(ims === undefined ? [] : [ims ? 'registered with IMS' : 'not registered with IMS']),
  ];
  return parts.length === 0 ? undefined : parts.join(', ');
}

/**
 * The setting that most likely lets messages out where the modem is registered and all of them
 * fail: a phrase for people, to be tried in this order. On LTE they go over SGs to the
 * circuit-switched side, or by IMS, and one of them often works where the other does not.
 */
export function likelySetting(
  stats: RegistrationStats,
  { cgsms, ims }: SmsPath,
  profile: Modem['profile'],
): string {
  const hasCircuit = isRegistered(stats.creg);
  const hasPacket =
    isRegistered(stats.cgreg) || isRegistered(stats.cereg) || isRegistered(stats.c5greg);
  const tries: string[] = [];
  if (hasCircuit && (cgsms === 0 || cgsms === 2)) tries.push(asInit('AT+CGSMS=1'));
  else if (hasPacket && (cgsms === 1 || cgsms === 3))
    tries.push(asInit(hasCircuit ? 'AT+CGSMS=2' : 'AT+CGSMS=0'));
  const { imsOn, imsOff, withoutLte } = profile.settings;
  if (ims === true && hasCircuit)
    tries.push(imsOff === undefined ? 'IMS (VoLTE) off' : `IMS off: ${asInit(imsOff)}`);
  if (ims !== true && !hasCircuit)
    tries.push(imsOn === undefined ? 'IMS (VoLTE) on' : `IMS on: ${asInit(imsOn)}`);
  tries.push(`2G or 3G only${withoutLte === undefined ? '' : `: ${asInit(withoutLte)}`}`);
  return `${tries.join('; else ')}; else a SIM whose operator offers SMS over SGs or IMS to this modem`;
}

const asInit = (command: string) => `init = [${JSON.stringify(command)}]`;

/**
 * Whether `+CGSMS` points to a side where the modem is not registered, and IMS is no way around it.
 */
export function pointsNowhere(stats: RegistrationStats, { cgsms, ims }: SmsPath): boolean {
  if (ims === true) return false;
  const hasPacket =
    isRegistered(stats.cgreg) || isRegistered(stats.cereg) || isRegistered(stats.c5greg);
  return (cgsms === 1 && !isRegistered(stats.creg)) || (cgsms === 0 && !hasPacket);
}
