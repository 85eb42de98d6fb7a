import { type Answer, CommandRefused, type Settle } from '../answer.js';
import { parameters } from '../command-line.js';
import type { Modem } from '../modem.js';
import type { PinFault } from '../pin-faults.js';
import type { PinEntry } from '../record.js';

/** What a try came to: the record's word for it, and the modem's no. */
interface Verdict {
  outcome: PinEntry['outcome'];
  refusal: CommandRefused | undefined;
}

/**
 * `AT+CPIN=<pin>[,<newpin>]` (3GPP TS 27.007 8.3), recorded whatever comes of it, with the fault
 * that meets it.
 */
export function enterPin(modem: Modem, value: string): Answer {
  const [pin = '', newPin] = parameters(value);
  const { attempt, fault } = modem.pinFaults.nextAttempt();
  if (fault !== undefined) modem.record.write({ kind: 'fault', fault: `pin-${fault.text}` });
  const { state, pinTries: triesBefore, iccid } = modem.sim;
  const { outcome, refusal } = judged(modem, pin, newPin, fault);
  modem.record.write({
    kind: 'pin',
    command: '+CPIN',
    attempt,
    iccid,
    pin,
    state,
    tries_before: triesBefore,
    outcome,
    tries_left: modem.sim.pinTries,
  });
  if (outcome === 'accepted') modem.startRegistration();
  const settled = (settle: Settle): void => {
    modem.record.write({ kind: 'pin_reply', attempt });
    settle(refusal === undefined ? { kind: 'lines', lines: [] } : { kind: 'refused', refusal });
  };
  return { later: (settle) => play(modem, fault, settle, settled) };
}

function judged(
  modem: Modem,
  pin: string,
  newPin: string | undefined,
  fault: PinFault | undefined,
): Verdict {
  const { sim } = modem;
  if (fault?.reachesSim === false) {
    return { outcome: fault.refusal === undefined ? 'lost' : 'uncounted', refusal: fault.refusal };
  }
  if (sim.state === 'READY') return { outcome: 'not_asked', refusal: new CommandRefused('CME', 3) };
  if (sim.state === 'SIM PUK' && newPin === undefined) {
    return { outcome: 'not_asked', refusal: new CommandRefused('CME', 12) };
  }
  const isRight = newPin === undefined ? sim.verify(pin) : sim.unblock(pin, newPin);
  return isRight
    ? { outcome: 'accepted', refusal: undefined }
    : { outcome: 'refused', refusal: wrongPin(modem) };
}

/** 27.007 9.2: 16 "incorrect password", or 12 "SIM PUK required" when it was the last try. */
export function wrongPin({ sim }: Modem): CommandRefused {
  return new CommandRefused('CME', sim.state === 'SIM PUK' ? 12 : 16);
}

function play(modem: Modem, fault: PinFault | undefined, settle: Settle, answer: Answerer): void {
  const fallSilent = (): void => settle({ kind: 'unterminated', lines: [] });
  if (fault?.break !== undefined) {
    // After a glitch the modem goes on: its answer went to a tty that was not there.
    if (fault.break.how === 'glitch') modem.after(fault.break.downMs, fallSilent);
    modem.break(fault.break);
  } else if (fault?.silenceMs !== undefined) modem.after(fault.silenceMs, fallSilent);
  else modem.after(fault?.replyDelayMs ?? 0, () => answer(settle));
}

type Answerer = (settle: Settle) => void;
