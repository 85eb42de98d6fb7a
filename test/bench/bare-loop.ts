/**
 * The least the protocol allows, as a process of its own: `bare-loop.ts TTY`, which reads lines
 * `COMMAND DATA` and sends each as one AT+CMGS over a port that it holds open. No queue, no
 * deadline, no care for what may go wrong.
 */
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { SerialPort } from 'serialport';

const [, , path = ''] = process.argv;
const dialogues = (await text(process.stdin)).split('\n').map((line) => line.split(' '));

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
for (const [command, data] of dialogues) {
  await ask(`${command}\r`, '> ');
  await ask(`${data}\x1a`, 'OK\r\n');
}
port.close();
