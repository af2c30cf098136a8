// better-auth with links by mail, on SQLite that is as durable as ours: WAL, synchronous=FULL. The link is not mailed:
// it is written to a file beside the database, which costs less than a mail.
//
//   node server.mjs PORT FOLDER
import { appendFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { betterAuth } from 'better-auth';
import { getMigrations } from 'better-auth/db/migration';
import { toNodeHandler } from 'better-auth/node';
import { magicLink } from 'better-auth/plugins';
import Database from 'better-sqlite3';

const [port, folder] = process.argv.slice(2);
const database = new Database(`${folder}/auth.db`);
database.pragma('journal_mode = WAL');
database.pragma('synchronous = FULL');
const auth = betterAuth({
  database,
  baseURL: `http://127.0.0.1:${port}`,
  secret: 'a secret of the measurement, long enough for it',
  trustedOrigins: ['http://site.test'],
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
  logger: { level: 'error' },
  plugins: [magicLink({ sendMagicLink: ({ email, url }) => appendFileSync(`${folder}/links`, `${email} ${url}\n`) })],
});
const { runMigrations } = await getMigrations(auth.options);
await runMigrations();
createServer(toNodeHandler(auth)).listen(Number(port), '127.0.0.1', () => console.log('ready'));
