-- The role of KEDA: it may read the columns that worker-scaling.yaml uses. Run this in the alerts database as an
-- administrator after the first migration; again at any time. Then set its password: \password alerts_scaler
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'alerts_scaler') THEN CREATE ROLE alerts_scaler; END IF;
  ALTER ROLE alerts_scaler LOGIN NOCREATEDB NOCREATEROLE CONNECTION LIMIT 8;
  ALTER ROLE alerts_scaler SET statement_timeout = '5s';
  ALTER ROLE alerts_scaler SET default_transaction_read_only = on;
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO alerts_scaler', current_database());
  GRANT USAGE ON SCHEMA public TO alerts_scaler;
  GRANT SELECT (status, notified_at, next_attempt_at, received_at, round_started_at, last_error, last_error_at)
    ON alerts TO alerts_scaler;
  GRANT SELECT (id, destination_id, status, message_id, next_attempt_at) ON deliveries TO alerts_scaler;
  GRANT SELECT (id, enabled, blocked_until, consecutive_failures) ON destinations TO alerts_scaler;
  GRANT SELECT (status, next_attempt_at) ON pictures TO alerts_scaler;
  GRANT SELECT (status, next_attempt_at, archive) ON copies TO alerts_scaler;
END $$;
