/** A whole program: imports the library, loads a component, asks it, and is done. */
import { pathToFileURL } from 'node:url';

const [library, component] = process.argv.slice(2);
const { ActorSystem } = await import(pathToFileURL(library).href);
const system = await ActorSystem.create({ name: 'start', logger: false });
const echo = await system.spawn(await system.load(pathToFileURL(component)));
const reply = await echo.ask(new Uint8Array(64));
process.exit(reply.length === 64 ? 0 : 1);
