-- CreateEnum
CREATE TYPE "destination_kind" AS ENUM ('webhook', 'email', 'ntfy', 'slack', 'teams', 'discord', 'mqtt');

-- CreateEnum
CREATE TYPE "delivery_status" AS ENUM ('pending', 'delivered', 'failed', 'muted');

-- AlterTable
ALTER TABLE "alerts" ADD COLUMN     "late_at" TIMESTAMPTZ(3);

-- CreateTable
CREATE TABLE "destinations" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "name" TEXT NOT NULL,
    "kind" "destination_kind" NOT NULL,
    "config" JSONB NOT NULL,
    "secrets" BYTEA,
    "filter_stores" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "filter_events" TEXT[] DEFAULT ARRAY[]::TEXT[],
    "filter_failure_codes" "failure_code"[] DEFAULT ARRAY[]::"failure_code"[],
    "group_by" TEXT,
    "group_wait_s" INTEGER,
    "group_interval_s" INTEGER,
    "enabled" BOOLEAN NOT NULL DEFAULT true,
    "disabled_reason" TEXT,
    "disabled_at" TIMESTAMPTZ(3),
    "consecutive_failures" INTEGER NOT NULL DEFAULT 0,
    "blocked_until" TIMESTAMPTZ(3),
    "last_error" TEXT,
    "last_error_at" TIMESTAMPTZ(3),
    "last_delivered_at" TIMESTAMPTZ(3),
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "updated_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,

    CONSTRAINT "destinations_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "deliveries" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "destination_id" UUID NOT NULL,
    "alert_id" BIGINT,
    "event" TEXT NOT NULL,
    "store" TEXT,
    "failure_code" "failure_code",
    "snapshot" JSONB NOT NULL,
    "status" "delivery_status" NOT NULL DEFAULT 'pending',
    "attempts" INTEGER NOT NULL DEFAULT 0,
    "attempts_before" INTEGER NOT NULL DEFAULT 0,
    "next_attempt_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "message_id" UUID,
    "mute_id" UUID,
    "response_status" INTEGER,
    "response_body" TEXT,
    "last_error" TEXT,
    "history" JSONB NOT NULL DEFAULT '[]',
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "delivered_at" TIMESTAMPTZ(3),

    CONSTRAINT "deliveries_pkey" PRIMARY KEY ("id")
);

-- CreateTable
CREATE TABLE "delivery_groups" (
    "destination_id" UUID NOT NULL,
    "group_key" TEXT NOT NULL,
    "last_sent_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "delivery_groups_pkey" PRIMARY KEY ("destination_id","group_key")
);

-- CreateTable
CREATE TABLE "mutes" (
    "id" UUID NOT NULL DEFAULT gen_random_uuid(),
    "store" TEXT,
    "failure_code" "failure_code",
    "destination_id" UUID,
    "reason" TEXT NOT NULL,
    "created_by" TEXT NOT NULL,
    "created_at" TIMESTAMPTZ(3) NOT NULL DEFAULT CURRENT_TIMESTAMP,
    "ends_at" TIMESTAMPTZ(3) NOT NULL,

    CONSTRAINT "mutes_pkey" PRIMARY KEY ("id")
);

-- CreateIndex
CREATE UNIQUE INDEX "destinations_name_key" ON "destinations"("name");

-- CreateIndex
CREATE INDEX "deliveries_due_idx" ON "deliveries"("destination_id", "next_attempt_at", "id") WHERE ((status = 'pending'::delivery_status) AND ((message_id IS NULL) OR (message_id = id)));

-- CreateIndex
CREATE INDEX "deliveries_pending_idx" ON "deliveries"("destination_id", "created_at", "id") WHERE (status = 'pending'::delivery_status);

-- CreateIndex
CREATE INDEX "deliveries_failed_idx" ON "deliveries"("destination_id", "created_at", "id") WHERE (status = 'failed'::delivery_status);

-- CreateIndex
CREATE INDEX "deliveries_created_at_id_idx" ON "deliveries"("created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "deliveries_destination_id_created_at_id_idx" ON "deliveries"("destination_id", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "deliveries_store_created_at_id_idx" ON "deliveries"("store", "created_at" DESC, "id" DESC);

-- CreateIndex
CREATE INDEX "deliveries_undelivered_idx" ON "deliveries"("created_at" DESC, "id" DESC) WHERE (status <> 'delivered'::delivery_status);

-- CreateIndex
CREATE INDEX "deliveries_message_idx" ON "deliveries"("message_id") WHERE (message_id IS NOT NULL);

-- CreateIndex
CREATE INDEX "deliveries_mute_idx" ON "deliveries"("mute_id") WHERE (mute_id IS NOT NULL);

-- CreateIndex
CREATE UNIQUE INDEX "deliveries_alert_id_destination_id_event_key" ON "deliveries"("alert_id", "destination_id", "event");

-- CreateIndex
CREATE INDEX "mutes_ends_at_idx" ON "mutes"("ends_at");

-- CreateIndex
CREATE INDEX "mutes_destination_id_idx" ON "mutes"("destination_id");

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_destination_id_fkey" FOREIGN KEY ("destination_id") REFERENCES "destinations"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_alert_id_fkey" FOREIGN KEY ("alert_id") REFERENCES "alerts"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_message_id_fkey" FOREIGN KEY ("message_id") REFERENCES "deliveries"("id") ON DELETE SET NULL ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "deliveries" ADD CONSTRAINT "deliveries_mute_id_fkey" FOREIGN KEY ("mute_id") REFERENCES "mutes"("id") ON DELETE SET NULL ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "delivery_groups" ADD CONSTRAINT "delivery_groups_destination_id_fkey" FOREIGN KEY ("destination_id") REFERENCES "destinations"("id") ON DELETE CASCADE ON UPDATE NO ACTION;

-- AddForeignKey
ALTER TABLE "mutes" ADD CONSTRAINT "mutes_destination_id_fkey" FOREIGN KEY ("destination_id") REFERENCES "destinations"("id") ON DELETE CASCADE ON UPDATE NO ACTION;
