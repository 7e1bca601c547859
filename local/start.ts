// `npm start` and `npm run dev`: see start-all.ts, which is imported later so that its modules come from the cache, too.
import { enableCompileCache } from 'node:module';
import { NODE_COMPILE_CACHE } from './node-settings.ts';

enableCompileCache(NODE_COMPILE_CACHE);
await import('./start-all.ts');
