-- The two roles of the alerts database. Run this in that database as an administrator, before the first migration; again
-- at any time: it changes only what differs, and hands tables of earlier versions over to the owner.
--
--   alerts_owner  owns database, schemas and tables: `npm run migrate`
--   alerts_app    reads and writes rows, and nothing else: api, worker, `npm run keys`. To the audit log it only appends.
--
-- Passwords are not set here: ALTER ROLE … PASSWORD, or \password in psql.
DO $$
DECLARE
  statement text;
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'alerts_owner') THEN CREATE ROLE alerts_owner; END IF;
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'alerts_app') THEN CREATE ROLE alerts_app; END IF;
  ALTER ROLE alerts_owner LOGIN NOCREATEDB NOCREATEROLE;
  ALTER ROLE alerts_app LOGIN NOCREATEDB NOCREATEROLE;
  -- The owner of a database may create schemas in it, and tables in its schema public.
  EXECUTE format('ALTER DATABASE %I OWNER TO alerts_owner', current_database());
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  -- TEMPORARY: a temporary table shows whether a full disk has space again.
  EXECUTE format('GRANT CONNECT, TEMPORARY ON DATABASE %I TO alerts_app', current_database());
  REVOKE CREATE ON SCHEMA public FROM PUBLIC;
  GRANT USAGE ON SCHEMA public TO alerts_app;

  -- What the owner creates from now on.
  ALTER DEFAULT PRIVILEGES FOR ROLE alerts_owner GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO alerts_app;
  ALTER DEFAULT PRIVILEGES FOR ROLE alerts_owner GRANT USAGE ON SEQUENCES TO alerts_app;
  ALTER DEFAULT PRIVILEGES FOR ROLE alerts_owner GRANT USAGE ON SCHEMAS TO alerts_app;

  -- What an earlier version created as another role. Indexes and sequences of columns follow their table.
  FOR statement IN
    SELECT format('ALTER SCHEMA %I OWNER TO alerts_owner', nspname)
    FROM pg_namespace WHERE nspname IN ('bullmq', 'limits')
    UNION ALL
    SELECT format('ALTER TABLE %s OWNER TO alerts_owner', c.oid::regclass)
    FROM pg_class c WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'bullmq', 'limits'))
      AND relkind IN ('r', 'p', 'v', 'm')
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype = 'e')
    UNION ALL
    SELECT format('ALTER SEQUENCE %s OWNER TO alerts_owner', c.oid::regclass)
    FROM pg_class c WHERE relnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'bullmq'))
      AND relkind = 'S'
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = c.oid AND deptype IN ('a', 'i', 'e'))
    UNION ALL
    SELECT format('ALTER TYPE %s OWNER TO alerts_owner', t.oid::regtype)
    FROM pg_type t WHERE typnamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'bullmq'))
      AND typtype IN ('e', 'd')
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_type'::regclass AND objid = t.oid AND deptype = 'e')
    UNION ALL
    SELECT format('ALTER ROUTINE %s OWNER TO alerts_owner', p.oid::regprocedure)
    FROM pg_proc p WHERE pronamespace IN (SELECT oid FROM pg_namespace WHERE nspname IN ('public', 'bullmq'))
      AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_proc'::regclass AND objid = p.oid AND deptype = 'e')
    UNION ALL
    SELECT format('GRANT USAGE ON SCHEMA %I TO alerts_app', nspname)
    FROM pg_namespace WHERE nspname IN ('bullmq', 'limits')
    UNION ALL
    SELECT format('GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA %1$I TO alerts_app', nspname)
    FROM pg_namespace WHERE nspname IN ('public', 'bullmq', 'limits')
    UNION ALL
    SELECT format('GRANT USAGE ON ALL SEQUENCES IN SCHEMA %1$I TO alerts_app', nspname)
    FROM pg_namespace WHERE nspname IN ('public', 'bullmq', 'limits')
    UNION ALL
    SELECT 'REVOKE INSERT, UPDATE, DELETE ON _prisma_migrations FROM alerts_app'
    WHERE to_regclass('public._prisma_migrations') IS NOT NULL
    UNION ALL
    SELECT 'REVOKE UPDATE, DELETE ON audit_log FROM alerts_app' WHERE to_regclass('public.audit_log') IS NOT NULL
    UNION ALL
    SELECT 'REVOKE INSERT, UPDATE, DELETE ON audit_head FROM alerts_app' WHERE to_regclass('public.audit_head') IS NOT NULL
    UNION ALL
    -- The sessions of api and worker behind PgBouncer, which does not pass on what they send at their start. The values are
    -- those of prisma/session-settings.ts; what a direct connection sends overrides them.
    SELECT format('ALTER ROLE alerts_app IN DATABASE %I SET %I = %L', current_database(), name, value)
    FROM (VALUES ('plan_cache_mode', 'force_custom_plan'), ('statement_timeout', '8s'), ('lock_timeout', '7s'),
      ('idle_in_transaction_session_timeout', '10s')) AS settings (name, value)
  LOOP
    EXECUTE statement;
  END LOOP;
END $$;
