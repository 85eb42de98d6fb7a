/**
 * The least the protocol allows, as a process of its own: `bare-loop.ts TTY`, which reads lines
 * `COMMAND DATA` and at an empty line sends each as one AT+CMGS over a port that it holds open. No
 * queue, no deadline, no care for what may go wrong. When all are sent it says on stdout how much
 * CPU time each took, in milliseconds.
 */
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { SerialPort } from 'serialport';

const [, , path = ''] = process.argv;
const port = new SerialPort({ path, baudRate: 115_200 });
await once(port, 'open');
let received = '';
let awaited = '';
let onCame = (): void => {};
port.on('data', (bytes: Buffer) => {
  received += bytes.toString('latin1');
  if (received.endsWith(awaited)) onCame();
});
port.on('error', (error) => {
  throw error;
});

/** Writes, and resolves when `end` has come. */
function ask(bytes: string, end: string): Promise<void> {
  return new Promise((resolve) => {
    [received, awaited, onCame] = ['', end, resolve];
    port.write(bytes, 'latin1');
  });
}

await ask('ATE0\r', 'OK\r\n');
await ask('AT+CMGF=0\r', 'OK\r\n');
let dialogues: string[] = [];
for await (const line of createInterface({ input: process.stdin })) {
  if (line !== '') {
    dialogues.push(line);
    continue;
  }
  const before = process.cpuUsage();
  for (const dialogue of dialogues) {
    const [command, data] = dialogue.split(' ');
    await ask(`${command}\r`, '> ');
    await ask(`${data}\x1a`, 'OK\r\n');
  }
  const { user, system } = process.cpuUsage(before);
  process.stdout.write(`${(user + system) / 1000 / dialogues.length}\n`);
  dialogues = [];
}
port.close();
