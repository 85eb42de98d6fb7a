import { type FaultParameter, faultKinds } from './fault-kinds.js';
import { stuckPrompt } from './faults.js';
import { pinFaultKinds } from './pin-faults.js';
import { troubleKinds } from './troubles.js';

/** The faults, a line each, for `--help`. */
export function faultHelp(): string {
  const kinds = Object.entries(faultKinds).map(([kind, { parameters, does }]) => {
    const names = parameters.map((p: FaultParameter) =>
      p.preset === undefined ? `:${p.name}` : `[:${p.name}=${p.preset}]`,
    );
    return `  ${(kind + names.join('')).padEnd(44)} ${does}`;
  });
  return [
    ...kinds,
    `  ${stuckPrompt.padEnd(44)} wakes with somebody's prompt open; WHEN counts power-ons`,
    '',
    'Troubles of the modem itself, from power-on, or from now by the control channel; each may end with :MS, which is how long it lasts:',
    ...Object.entries(troubleKinds).map(
      ([kind, { parameters, does }]) => `  ${[kind, ...parameters].join(':').padEnd(44)} ${does}`,
    ),
    '',
    'PIN faults, of the next AT+CPIN=, by the control channel:',
    ...Object.entries(pinFaultKinds).map(([kind, { presetMs, does }]) => {
      const name = presetMs === undefined ? kind : `${kind}[:MS=${presetMs}]`;
      return `  ${name.padEnd(44)} ${does}`;
    }),
  ].join('\n');
}

/** The control channel, for `--help`. */
export const controlHelp = `Control, JSON lines on a piped stdin:
  {"fault":"late:3000","submits":2}  {"inject":"+CMTI: \\"SM\\",3"}  {"hangup":true,"reattach_ms":500,"power":"kept"}
  {"inbound":{"from":"+49170…","text":"…","broken":true}}  {"registration":"searching"}  {"reboot":true}  {"stats":true}
  {"profile":"8949…","say":"+QUSIM: 1"}: an eSIM changes to another profile  {"domain":"CREG=0"}  {"csms":1}
  {"pin_fault":"late:3000"}  {"phone":"enter_pin"}: or enter_puk, remove_lock`;
