/** What a request of the bench says. */
export interface RequestOptions {
  token: string;
  recipient: string;
  text?: string;
  /** `Idempotency-Key`; default: none. */
  key?: string;
}

/** 55 characters of the GSM alphabet: one segment, 140 octets on the line. */
export const shortText = 'Your code is 482913. It is valid for the next 5 minutes';
/** 400 characters of it: three segments. */
export const longText = `${'Your code is 482913. '.repeat(19)}x`;

/** `POST /sms` in one piece, so that its first octet and its last are written at the same time. */
export function requestOf({ token, recipient, text = shortText, key }: RequestOptions): Buffer {
  const req = { ip: '192.0.2.1' };
  const body = JSON.stringify({ recipient, body: text, message_type: 'otp_verify', req });
  return postOf(token, body, key === undefined ? [] : [`Idempotency-Key: ${key}`]);
}

/** The same with any body. */
export function postOf(token: string, body: string, more: readonly string[] = []): Buffer {
  const head = [
    'POST /sms HTTP/1.1',
    'Host: localhost',
    `Authorization: Bearer ${token}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    ...more,
  ];
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n${body}`);
}
