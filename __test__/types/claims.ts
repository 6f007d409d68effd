/** What the type tests say with: a claim that does not hold does not compile. */
import type { ActorSystem, Component } from '../../src/index.js';

/** Whether two types are the same one, and not only assignable. */
export type Equal<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;

/** Claims something: `holds<Equal<A, B>>()`. */
export declare function holds<_Claim extends true>(): void;

export declare const component: Component;
export declare const system: ActorSystem;
