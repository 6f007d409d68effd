/** What the compiler must accept of codecs, and what it must refuse. Checked, never run. */
import { z } from 'zod';
import { cbor } from '../../src/cbor.js';
import { type ActorRef, actor, bytes, json, messages, schema, text } from '../../src/index.js';
import { component, type Equal, holds, system } from './claims.js';

export async function codecs(): Promise<void> {
  const raw = await system.spawn(component, { codec: bytes() });
  holds<Equal<typeof raw, ActorRef<Uint8Array, Uint8Array>>>();

  const packed = await system.spawn(component, { codec: cbor<{ n: bigint }, Uint8Array>() });
  holds<Equal<typeof packed, ActorRef<{ n: bigint }, Uint8Array>>>();

  const both = await system.spawn(component, { codec: messages(text()).replies(json<unknown, { sum: number }>()) });
  holds<Equal<typeof both, ActorRef<string, { sum: number }>>>();

  const point = z.object({ x: z.number(), y: z.number().default(0) });
  const checked = await system.spawn(component, { codec: schema(point) });
  holds<Equal<typeof checked, ActorRef<{ x: number; y?: number | undefined }, { x: number; y: number }>>>();
  checked.tell({ x: 1 });
  // @ts-expect-error the field is missing
  checked.tell({ y: 1 });
  // @ts-expect-error not a schema
  schema({ parse: () => 1 });

  const squares = actor({ codec: schema(z.number()), handle: n => n * n });
  const square = await system.spawn(squares);
  holds<Equal<typeof square, ActorRef<number, number>>>();
}
