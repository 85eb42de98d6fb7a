/** A tty of a stick, with the USB interface it belongs to. */
export interface StickPort {
  /** The node, as `/dev/ttyUSB2`. */
  tty: string;
  /** `major:minor` of the node, which names the tty whatever the node is called. */
  deviceNumber?: string | undefined;
  /** `bInterfaceNumber`, 0 to 255. */
  interfaceNumber?: number;
  /** USB 2.0, 9.6.5. */
  interfaceClass?: number;
  interfaceSubclass?: number;
  interfaceProtocol?: number;
  /** The kernel driver of the interface, as `option`. */
  driver?: string | undefined;
  /**
   * Its stable name in `/dev/serial/by-id`. Two sticks without serial number have the same: the
   * last one plugged in has it.
   */
  byId?: string | undefined;
}

/** What a USB device says of itself. The texts are cleaned for showing. */
export interface UsbIdentity {
  /** Four hexadecimal digits, lower case. */
  vendorId: string;
  productId: string;
  serial?: string | undefined;
  manufacturer?: string | undefined;
  product?: string | undefined;
  /**
   * How many USB configurations it has (`bNumConfigurations`); undefined when that cannot be read.
   */
  configurations?: number | undefined;
  /**
   * Where it is plugged in: bus, then the port of each hub, as `1-1.2`. It tells identical sticks
   * apart.
   */
  busPath: string;
}

/** A tty that may answer AT, and why we think so: a sentence for people. */
export interface AtPort {
  tty: string;
  why: string;
}

/** What can be plugged in: a modem with its ttys, a serial cable's port, or a UART of the board. */
export interface Stick {
  /** Stays the same as long as the stick is not plugged in elsewhere. No two sticks share one. */
  key: string;
  /**
   * `modem`: of a vendor or product we know · `unlisted`: a USB tty we know nothing of · `cable`:
   * one port of a serial cable · `uart`: of the board · `no_modem`: surely not a modem.
   */
  kind: 'modem' | 'unlisted' | 'cable' | 'uart' | 'no_modem';
  /** Absent for a UART. */
  usb?: UsbIdentity;
  /** Maker and model where known, for people. */
  model?: string | undefined;
  ports: StickPort[];
  /** Best first; empty when there is none, and then `problem` says why. */
  atPorts: AtPort[];
  /**
   * The kernel still sets it up, so a better tty may come. Normal for a second or two after it was
   * plugged in; when it stays so, another driver has taken the better port and the ones there are
   * will do.
   */
  isSettling: boolean;
  /** Why no tty of it can be used, and the way out: a sentence for people. */
  problem?: string | undefined;
  /** The way out alone. */
  remedy?: string | undefined;
}
