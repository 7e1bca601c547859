-- CreateTable
CREATE TABLE "audit_log" (
    "id" BIGINT NOT NULL,
    "at" TIMESTAMPTZ(3) NOT NULL,
    "actor" TEXT NOT NULL,
    "actor_name" TEXT,
    "address" TEXT,
    "action" TEXT NOT NULL,
    "target" TEXT,
    "details" JSON NOT NULL,
    "previous_hash" BYTEA NOT NULL,
    "hash" BYTEA NOT NULL,

    CONSTRAINT "audit_log_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "audit_head" (
    "id" INTEGER NOT NULL DEFAULT 1,
    "anchor_id" BIGINT NOT NULL DEFAULT 0,
    "anchor_hash" BYTEA NOT NULL,
    "last_id" BIGINT NOT NULL DEFAULT 0,
    "last_hash" BYTEA NOT NULL,

    CONSTRAINT "audit_head_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE INDEX "audit_log_at_id_idx" ON "audit_log"("at", "id");

-- CreateIndex
CREATE INDEX "audit_log_actor_id_idx" ON "audit_log"("actor", "id");

-- CreateIndex
CREATE INDEX "audit_log_action_id_idx" ON "audit_log"("action", "id");

-- CreateIndex
CREATE INDEX "audit_log_target_id_idx" ON "audit_log"("target", "id");

-- What Prisma's schema cannot express: hashes, and who may change what.

-- Both chains of hashes start with zeros.
INSERT INTO audit_head (anchor_hash, last_hash) VALUES (decode(repeat('00', 32), 'hex'), decode(repeat('00', 32), 'hex'));

-- Numbers, dates and hashes a new entry. The lock on audit_head puts concurrent entries in an order: each transaction that
-- appends waits for the one before. prisma/audit-chain.ts computes the same hash.
CREATE FUNCTION audit_log_append() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  head audit_head;
BEGIN
  SELECT * INTO STRICT head FROM audit_head WHERE id = 1 FOR UPDATE;
  NEW.id := head.last_id + 1;
  NEW.at := date_trunc('milliseconds', clock_timestamp());
  NEW.previous_hash := head.last_hash;
  NEW.hash := sha256(NEW.previous_hash || convert_to(json_build_array(NEW.id::text,
    to_char(NEW.at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    NEW.actor, NEW.actor_name, NEW.address, NEW.action, NEW.target, NEW.details::text)::text, 'UTF8'));
  UPDATE audit_head SET last_id = NEW.id, last_hash = NEW.hash WHERE id = 1;
  RETURN NEW;
END $$;

CREATE TRIGGER append BEFORE INSERT ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_append();

-- Only entries up to the anchor can be deleted, and only prune_audit_log moves the anchor.
CREATE FUNCTION audit_log_protect() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE' AND TG_LEVEL = 'ROW' THEN
    IF OLD.id <= (SELECT anchor_id FROM audit_head WHERE id = 1) THEN RETURN OLD; END IF;
  END IF;
  RAISE EXCEPTION 'the audit log is append-only' USING ERRCODE = 'insufficient_privilege';
END $$;

CREATE TRIGGER protect BEFORE UPDATE OR DELETE ON audit_log FOR EACH ROW EXECUTE FUNCTION audit_log_protect();
CREATE TRIGGER protect_all BEFORE TRUNCATE ON audit_log FOR EACH STATEMENT EXECUTE FUNCTION audit_log_protect();
CREATE TRIGGER protect_all BEFORE DELETE OR TRUNCATE ON audit_head FOR EACH STATEMENT EXECUTE FUNCTION audit_log_protect();

-- Deletes up to 5,000 of the oldest entries that are older than keep_days, and returns their number. The newest entry stays.
-- At least 30 days are kept, so that a stolen password of the application cannot empty the log.
CREATE FUNCTION prune_audit_log(keep_days integer) RETURNS integer LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  head audit_head;
  last_deleted audit_log;
  deleted integer;
BEGIN
  IF keep_days IS NULL OR keep_days < 30 THEN
    RAISE EXCEPTION 'the audit log is kept for at least 30 days' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT * INTO STRICT head FROM audit_head WHERE id = 1 FOR UPDATE;
  SELECT * INTO last_deleted FROM audit_log
    WHERE id <= LEAST(head.anchor_id + 5000, head.last_id - 1) AND at < clock_timestamp() - make_interval(days => keep_days)
    ORDER BY id DESC LIMIT 1;
  IF NOT FOUND THEN RETURN 0; END IF;
  UPDATE audit_head SET anchor_id = last_deleted.id, anchor_hash = last_deleted.hash WHERE id = 1;
  DELETE FROM audit_log WHERE id <= last_deleted.id;
  GET DIAGNOSTICS deleted = ROW_COUNT;
  INSERT INTO audit_log (actor, action, details) VALUES ('worker', 'audit.pruned', json_build_object(
    'entries', deleted, 'through', last_deleted.id, 'keep_days', keep_days));
  RETURN deleted;
END $$;

-- Default privileges of prisma/roles.sql let the application's role write every new table. Here it only appends. A role that
-- was granted more afterwards is restricted again by the next call.
CREATE FUNCTION restrict_audit_log() RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  role regrole;
BEGIN
  FOR role IN SELECT DISTINCT grantee::regrole FROM pg_class, aclexplode(relacl)
    WHERE oid IN ('audit_log'::regclass, 'audit_head'::regclass) AND grantee NOT IN (0, relowner) LOOP
    EXECUTE format('REVOKE UPDATE, DELETE ON audit_log FROM %s', role);
    EXECUTE format('REVOKE INSERT, UPDATE, DELETE ON audit_head FROM %s', role);
  END LOOP;
END $$;

SELECT restrict_audit_log();
