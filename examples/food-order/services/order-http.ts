import { createServer, type IncomingMessage } from 'node:http';

/** An order as it is placed. */
export interface Order {
  readonly id: string;
  readonly dish: string;
  readonly portions: number;
}

/** What became of placing it: an HTTP status, and a word for the client. */
export interface Placed {
  readonly status: 201 | 202 | 409 | 500;
  readonly text: string;
}

/** Serves `POST /orders` on a port of loopback. */
export function serveOrders(
  port: number,
  place: (order: Order) => Promise<Placed>,
  onListening: () => void,
): void {
  const server = createServer((request, response) => {
    readOrder(request)
      .then(place)
      .catch((error: unknown): Placed => ({ status: 500, text: String(error) }))
      .then(({ status, text }) => response.writeHead(status).end(text))
      .catch(() => response.destroy());
  });
  server.listen(port, '127.0.0.1', onListening);
}

async function readOrder(request: IncomingMessage): Promise<Order> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return JSON.parse(Buffer.concat(chunks).toString()) as Order;
}
