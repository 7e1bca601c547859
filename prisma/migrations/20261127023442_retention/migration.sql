-- CreateTable
CREATE TABLE "retention_rules" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "store" TEXT,
    "status" "alert_status",
    "days" INTEGER,
    "updated_by" TEXT NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "retention_rules_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "retention_state" (
    "id" SMALLINT NOT NULL DEFAULT 1,
    "started_at" TIMESTAMPTZ(3) NOT NULL,
    "updated_at" TIMESTAMPTZ(3) NOT NULL,
    "finished_at" TIMESTAMPTZ(3),
    "deleted" INTEGER NOT NULL DEFAULT 0,
    "error" TEXT,

    CONSTRAINT "retention_state_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "retention_rules_store_status_key" ON "retention_rules"("store", "status") NULLS NOT DISTINCT;

ALTER TABLE "retention_rules" ADD CHECK ("days" BETWEEN 1 AND 36500), ADD CHECK ("status" IN ('processed', 'failed'));
ALTER TABLE "retention_state" ADD CHECK ("id" = 1);

-- Deleting old alerts leaves dead rows, which are removed once a fifth of the table is dead, by default: too late for
-- millions of rows.
ALTER TABLE "alerts" SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "deliveries" SET (autovacuum_vacuum_scale_factor = 0.05);
ALTER TABLE "pictures" SET (autovacuum_vacuum_scale_factor = 0.05);
